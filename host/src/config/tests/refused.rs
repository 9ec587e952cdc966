//! What a configuration may not say, and that the answer names line, key and way out.

use super::{MINIMAL, assert_says, refusal};

/// A name, lines after the minimal ones (from line 10), and what the answer contains.
type Case = (&'static str, &'static str, &'static [&'static str]);

const AFTER_MINIMAL: &[Case] = &[
    (
        "an unknown key at the root names its nearest",
        "dry_runn: true",
        &[
            "config.yaml:10:1",
            "unknown key `dry_runn`",
            "did you mean `dry_run`?",
            "config::unknown-key",
        ],
    ),
    (
        "an unknown key that is like nothing lists what is valid",
        "monitoring:\n  zebra: 1",
        &["config.yaml:11:3", "monitoring.zebra", "valid here: journal_retention, log_level"],
    ),
    (
        "an unknown key of a list item is found",
        "    tables:\n      - name: a\n        write_batchsize: 5",
        &["config.yaml:12:9", "schemas.0.tables.0.write_batchsize", "`write_batch_size`"],
    ),
    (
        "an unknown key of the long form of a directory is found",
        "    tables: [{name: a, columns: {includ: [x]}}]",
        &["config.yaml:10:", "columns.includ", "`include`"],
    ),
    (
        "a table to copy anew needs its schema where there may be several",
        "mode: multi\nfull_resync: [shop.orders, items]",
        &["config.yaml:11:14", "names `items` without its schema", "write SCHEMA.items", "shop"],
    ),
    (
        "a number of tables to copy anew is refused",
        "full_resync: 2",
        &["config.yaml:10:14", "`full_resync` can't be 2", "tables as a list"],
    ),
    (
        "comparing without a pause is refused",
        "verify: {every: 100ms}",
        &["config.yaml:10:17", "`verify.every` is less than a second", "such as 24h"],
    ),
    (
        "comparing no rows a second is refused",
        "verify: {every: 24h, rows_per_second: 0}",
        &["config.yaml:10:39", "`verify.rows_per_second` can't be 0", "at least 1"],
    ),
    (
        "a negative batch size is refused",
        "    default_batch_size: -5",
        &[
            "config.yaml:10:25",
            "`schemas.0.default_batch_size` can't be -5",
            "a whole number, at least 1",
        ],
    ),
    (
        "a batch size of zero is refused",
        "    tables:\n      - {name: a, stream_batch_size: 0}",
        &["config.yaml:11:", "schemas.0.tables.0.stream_batch_size` can't be 0", "at least 1"],
    ),
    (
        "a condition says where it ceases to be one",
        "    tables:\n      - {name: a, where: \"id > 5 AND region == 'EU'\"}",
        &[
            "config.yaml:11:26",
            "`schemas.0.tables.0.where`: is no condition: at character 20, `=` stands where a column \
             or a value was expected",
            "a condition like \"region = 'EU' AND amount >= 10\"",
        ],
    ),
    (
        "a soft-delete column is refused where rows are removed",
        "    tables:\n      - {name: a, soft_delete_column: gone}",
        &["config.yaml:11:", "soft_delete_column", "`deletion_strategy: soft` only"],
    ),
    (
        "what edited rules lead to is one of two words",
        "schema_evolution: {on_rules_change: merge}",
        &["config.yaml:10:37", "schema_evolution.on_rules_change", "copy, refuse"],
    ),
    (
        "two columns of soft deletes have two names",
        "    tables:\n      - {name: a, deletion_strategy: soft, deleted_at_column: is_deleted}",
        &["config.yaml:11:", "deleted_at_column", "is `soft_delete_column`, too"],
    ),
    (
        "text where a number belongs is refused",
        "global_max_parallel_streams: many",
        &["config.yaml:10:30", "can't be \"many\"", "config::invalid-value"],
    ),
    (
        "text where a switch belongs is refused",
        "dry_run: maybe",
        &["config.yaml:10:10", "`dry_run` can't be \"maybe\"", "write true or false"],
    ),
    (
        "a word that is none of the choices names its nearest",
        "mode: singel",
        &["config.yaml:10:7", "did you mean `single`?", "one of: single, multi"],
    ),
    (
        "a map where text belongs is refused",
        "state_dir: {a: b}",
        &["config.yaml:10:", "`state_dir` can't be a map", "write text"],
    ),
    (
        "a list where a map belongs is refused",
        "monitoring: [1]",
        &["config.yaml:10:", "`monitoring` can't be a list", "a map of keys"],
    ),
    (
        "a length of time without a unit that exists is refused",
        "    default_polling_interval: 5 parsecs",
        &["config.yaml:10:31", "`5 parsecs` is not a length of time", "250ms"],
    ),
    (
        "a negative length of time is refused",
        "    default_polling_interval: -1",
        &["config.yaml:10:31", "`-1` is not a length of time"],
    ),
    (
        "an infinite length of time is refused",
        "error_handling: {max_backoff_seconds: .inf}",
        &["config.yaml:10:", "error_handling.max_backoff_seconds"],
    ),
    (
        "polling without a pause is refused",
        "    default_polling_interval: 0",
        &["config.yaml:10:31", "can't be zero"],
    ),
    (
        "a key written twice is refused with both lines",
        "dry_run: true\ndry_run: false",
        &["config.yaml:11:1", "`dry_run` is written twice", "line 10", "config::duplicate-key"],
    ),
    (
        "a glob that does not close is refused",
        "global_table_whitelist: ['a{b']",
        &["config.yaml:10:", "`a{b` is not a valid glob"],
    ),
    (
        "a cron expression with an impossible minute is refused",
        "    mode: batch\n    schedule: '61 * * * *'",
        &["config.yaml:11:15", "`61 * * * *` is not a cron expression"],
    ),
    (
        "a schedule of a stream is refused, since nothing would run it",
        "    schedule: '0 3 * * *'",
        &["config.yaml:10:15", "is for `mode: batch` only"],
    ),
    (
        "a lost position is answered by one of two words",
        "    on_lost_position: resnyc",
        &["config.yaml:10:23", "did you mean `resync`?", "one of: fail, resync"],
    ),
    (
        "a second schema of the same name is refused",
        "  - name: shop",
        &["config.yaml:10:11", "`schemas.1.name` is `shop`, which is in the list already"],
    ),
    (
        "a table that fails is answered by one of three words",
        "    on_table_failure: park_all",
        &["config.yaml:10:23", "did you mean `park-all`?", "one of: park, park-all, stop"],
    ),
    (
        "a schema without a name is refused",
        "  - default_batch_size: 5",
        &["config.yaml:10:", "`schemas.1.name` is missing", "config::missing-key"],
    ),
    (
        "a backoff below one is refused, it would shorten each wait",
        "error_handling:\n  backoff_factor: 0.5",
        &["config.yaml:11:19", "error_handling.backoff_factor", "at least 1"],
    ),
    (
        "a holder that has no time to answer would be taken over again and again",
        "standby:\n  ttl_seconds: 4",
        &["config.yaml:11:16", "standby.ttl_seconds", "5 seconds to an hour"],
    ),
    (
        "nobody waits for more than an hour for a run that is gone",
        "standby:\n  ttl_seconds: 3601",
        &["config.yaml:11:16", "standby.ttl_seconds", "5 seconds to an hour"],
    ),
    (
        "a limit of dead letters that are never kept is refused, wherever it stands",
        "error_handling:\n  dead_letter_queue: false\n  dead_letter_limit: 5",
        &["config.yaml:12:22", "error_handling.dead_letter_limit", "dead_letter_queue: true"],
    ),
    (
        "a share of rows that is none is refused",
        "error_handling:\n  dead_letter_limit: 0%",
        &["config.yaml:11:22", "`0%` is no limit of dead letters", "1% of 5000"],
    ),
    (
        "a metrics path without a slash is refused",
        "monitoring: {prometheus: {path: metrics}}",
        &["config.yaml:10:", "must begin with `/`"],
    ),
    (
        "a port that does not exist is refused",
        "monitoring: {prometheus: {port: 70000}}",
        &["config.yaml:10:33", "can't be 70000"],
    ),
    (
        "including and excluding columns at once is refused",
        "    tables: [{name: a, columns: {include: [x], exclude: [y]}}]",
        &["config.yaml:10:", "columns.exclude` can't stand beside `include`", "config::conflict"],
    ),
    (
        "masking a column that is not moved is refused",
        "    tables: [{name: a, columns: {exclude: [x], mask: [x]}}]",
        &["config.yaml:10:", "columns.mask` names `x`, which is not moved"],
    ),
    (
        "renaming two columns to one name is refused",
        "    tables: [{name: a, columns: {rename: {x: z, y: z}}}]",
        &["config.yaml:10:", "gives two columns the name `z`"],
    ),
    (
        "a glob that is none is refused at its line",
        "    tables: [{name: '{a,b'}]",
        &["config.yaml:10:", "the pattern `{a,b` is not a valid glob"],
    ),
    (
        "a glob behind the one that matches everything may say things in vain",
        "    tables: [{name: '*', write_mode: append}, {name: 'a*', write_mode: upsert}]",
        &["config.yaml:10:", "`schemas.0.tables.1.write_mode` never holds", "put the entry `*`"],
    ),
    (
        "tables that match can't all have one name",
        "    tables: [{name: 'a*', destination_table: b}]",
        &["config.yaml:10:", "the name of every table that matches", "table_prefix"],
    ),
    (
        "two tables can't be kept in one place",
        "    tables: [{name: a, destination_table: b}, {name: b}]",
        &["config.yaml:10:", "leads to `shop.b`, where `schemas.0.tables.0` is kept"],
    ),
    (
        "nor two of different schemas",
        "    tables: [{name: a}]\n  - {name: eu, destination_schema: shop, tables: [{name: a}]}",
        &["config.yaml:11:", "`schemas.1.tables.0.name` leads to `shop.a`"],
    ),
    (
        "the host's own schema is none for tables",
        "    destination_schema: cartridge_warp_metadata",
        &["config.yaml:10:", "is `destination.metadata_schema`, too"],
    ),
    (
        "a name at the destination is one",
        "    tables: [{name: a, destination_table: ''}]",
        &["config.yaml:10:", "`schemas.0.tables.0.destination_table` is empty"],
    ),
    (
        "a misspelt key of a name at the destination is found",
        "    destination_schem: x",
        &["config.yaml:10:", "did you mean `destination_schema`?"],
    ),
    (
        "a placeholder without a variable or default is refused at its line",
        "state_dir: ${NO_SUCH_VARIABLE}/x",
        &["config.yaml:10:12", "`NO_SUCH_VARIABLE` is not set", "config::missing-variable"],
    ),
    (
        "a placeholder that does not close is refused",
        "state_dir: '${HOME'",
        &["config.yaml:10:", "is not a placeholder", "$${"],
    ),
    (
        "text that is not YAML is refused at its line",
        "a: [1,\nb: }",
        &["config.yaml:1", "not YAML", "config::not-yaml"],
    ),
    (
        "a second document is refused",
        "---\nmode: multi",
        &["config.yaml:10:1", "a second document"],
    ),
    (
        "a tag means nothing and is refused",
        "state_dir: !path /x",
        &["config.yaml:10:", "the tag !path means nothing"],
    ),
    ("a key that is no text is refused", "1: 2", &["config.yaml:", "is not text"]),
];

#[test]
fn what_follows_a_valid_beginning_is_refused() {
    for (case, lines, words) in AFTER_MINIMAL {
        let answer = refusal(case, &format!("{MINIMAL}{lines}\n"), &[]);
        assert_says(case, &answer, words);
        assert_says(case, &answer, &["help:", "config.yaml:"]);
    }
}

/// A name, a line of the minimal ones, what stands there instead, and what the answer contains.
const INSTEAD: &[(&str, &str, &str, &[&str])] = &[
    (
        "a single schema that is not in the list names its nearest",
        "single_schema_name: shop",
        "single_schema_name: shopp",
        &["config.yaml:1:21", "`shopp`, which is not in `schemas`", "did you mean `shop`?"],
    ),
    (
        "single mode without its schema lists the schemas",
        "single_schema_name: shop",
        "mode: single",
        &["`single_schema_name` is missing", "name one of the schemas (shop)"],
    ),
    (
        "a source without a type is refused",
        "  type: files\n",
        "",
        &["config.yaml:2:1", "`source.type` is missing", "plugin directory"],
    ),
    (
        "a source without a connection string is told both ways",
        "  connection_string: ./data\n",
        "",
        &["`source.connection_string` is missing", "connection_string_file"],
    ),
    (
        "a connection string and its file can't stand together",
        "  connection_string: ./data\n",
        "  connection_string: ./data\n  connection_string_file: /x\n",
        &["config.yaml:5:27", "can't stand beside `source.connection_string`"],
    ),
    (
        "a connection string file that is missing is refused",
        "  connection_string: ./data\n",
        "  connection_string_file: /no/such/file\n",
        &["config.yaml:4:27", "source.connection_string_file", "check the path"],
    ),
    (
        "a digest that is not one is refused",
        "  type: files\n",
        "  type: files\n  sha256: abc\n",
        &["config.yaml:4:11", "`source.sha256` is not a SHA-256"],
    ),
    (
        "a misspelt key in a directory grant is found",
        "  type: files\n",
        "  type: files\n  grants: {directories: [{path: a, writeable: true}]}\n",
        &["config.yaml:4:", "grants.directories.0.writeable", "did you mean `writable`?"],
    ),
    (
        "a secret of two places is refused",
        "  type: files\n",
        "  type: files\n  grants: {secrets: {pw: {env: PW, file: pw.txt}}}\n",
        &["config.yaml:4:", "grants.secrets.pw", "{command: [PROGRAM, ARGUMENT], ttl: 15m}"],
    ),
    (
        "a program without a name is refused",
        "  type: files\n",
        "  type: files\n  grants: {secrets: {pw: {command: []}}}\n",
        &["config.yaml:4:", "grants.secrets.pw", "names no place"],
    ),
    (
        "a secret has a place in a connection string alone",
        "  type: files\n",
        "  type: files\n  options: {x: '${secrets.pw}'}\n",
        &["config.yaml:4:", "`${secrets.pw` is not a placeholder"],
    ),
    (
        "a secret that is not granted is refused",
        "  connection_string: ./data\n",
        "  connection_string: 'x://a:${secrets.pw}@b'\n",
        &["config.yaml:4:", "holds `${secrets.pw}`, which is not granted", "grants.secrets.pw"],
    ),
    (
        "a secret from nowhere is refused",
        "  type: files\n",
        "  type: files\n  grants: {secrets: {pw: {envv: X}}}\n",
        &["config.yaml:4:", "source.grants.secrets.pw.envv", "did you mean `env`?"],
    ),
    (
        "a memory limit that is no number of bytes is refused",
        "  type: files\n",
        "  type: files\n  limits: {memory: lots}\n",
        &["config.yaml:4:20", "`lots` is not a number of bytes", "256MiB"],
    ),
    (
        "a memory limit nothing runs in is refused",
        "  type: files\n",
        "  type: files\n  limits: {memory: 1KiB}\n",
        &["config.yaml:4:20", "can't be 1KiB", "at least 1MiB"],
    ),
    (
        "options that are no map are refused",
        "  type: files\n",
        "  type: files\n  options: 5\n",
        &["config.yaml:4:12", "`source.options` can't be 5", "a map of keys"],
    ),
    (
        "a list of no schemas is refused",
        "schemas:\n  - name: shop\n",
        "schemas: []\n",
        &["config.yaml:8:", "`schemas` is empty", "- name: public"],
    ),
    (
        "a configuration without schemas is refused",
        "schemas:\n  - name: shop\n",
        "",
        &["`schemas` is missing"],
    ),
];

#[test]
fn what_replaces_a_valid_line_is_refused() {
    for (case, line, other, words) in INSTEAD {
        assert!(MINIMAL.contains(line), "{case}: replaces nothing");
        let answer = refusal(case, &MINIMAL.replace(line, other), &[]);
        assert_says(case, &answer, words);
        assert_says(case, &answer, &["help:"]);
    }
}

#[test]
fn keys_of_a_later_release_are_refused_by_name() {
    let after = [
        ("schema_evolution: {enable_type_narrowing: false}", "enable_type_narrowing"),
        ("schema_evolution: {migration_timeout_seconds: 5}", "migration_timeout_seconds"),
        ("schema_evolution: {detection_interval_seconds: 5}", "detection_interval_seconds"),
        ("schema_evolution: {max_data_loss_percentage: 0.1}", "max_data_loss_percentage"),
        ("    tables: [{name: a, mode: batch}]", "schemas.0.tables.0.mode"),
    ];
    for (lines, key) in after {
        let answer = refusal(key, &format!("{MINIMAL}{lines}\n"), &[]);
        let words = [key, "is not supported yet by this release (0.1)", "config.yaml:10:"];
        assert_says(key, &answer, &words);
    }
}

#[test]
fn hosts_that_nobody_can_reach_are_refused_with_their_line() {
    let cases = [
        ("[db]", "`db` names no port; write host:port"),
        ("[db:0]", "`0` is no port"),
        ("['a b:1']", "`a b` is neither a host's name nor an address"),
        ("[{host: db}]", "port"),
        ("[{host: db, port: 0}]", "port 0"),
        ("[{host: db, port: 70000}]", "70000"),
        ("[{host: db, port: 1, tls: allow}]", "`tls: allow`: `allow` would only encrypt"),
        ("[{host: db, port: 1, tls: prefer}]", "`tls: prefer`: `prefer` needs a server"),
        ("[{host: db, port: 1, tls: maybe}]", "`tls: maybe`: is none of"),
        ("[{host: db, port: 1, ca: ca.pem}]", "mean nothing without `tls`"),
        ("[{host: db, port: 1, tls: require, key: k.pem}]", "without `certificate`"),
        ("[{host: 10.0.0.0/8, port: 1, private: true}]", "`private` is for names"),
        ("[{host: db, port: 1, tsl: require}]", "valid here: ca, certificate, credentials, host"),
    ];
    for (hosts, words) in cases {
        let lines = format!("type: files\n  grants: {{hosts: {hosts}}}");
        let answer = refusal(hosts, &MINIMAL.replace("type: files", &lines), &[]);
        assert_says(hosts, &answer, &["source.grants.hosts.0", words, "config.yaml:4:"]);
    }
}
