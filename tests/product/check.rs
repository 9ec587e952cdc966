//! `check` refuses what `run` would, all of it in one list, and changes nothing.

use cartridge_warp_tests::{Databases, Pipeline};
use serde_json::{Value, json};

/// A source whose pipeline connects as `warp`, who owns nothing.
fn guarded(databases: &Databases) -> Pipeline {
    databases.at_source("CREATE ROLE warp LOGIN REPLICATION");
    let mut pipeline = databases.pipeline();
    pipeline.set("source.connection_string", json!(as_role(databases, "warp")));
    pipeline
}

fn as_role(databases: &Databases, role: &str) -> String {
    let url = databases.source_url();
    let (_, place) = url.split_once('@').unwrap();
    format!("postgresql://{role}@{place}")
}

/// What the two servers have of ours.
fn made(databases: &Databases) -> Vec<Vec<String>> {
    let at_source = "SELECT (SELECT count(*) FROM pg_publication), \
                     (SELECT count(*) FROM pg_replication_slots)";
    let at_destination = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1";
    vec![databases.at_source(at_source), databases.at_destination(at_destination)]
}

/// Both refuse, `check` with everything that is expected and exit code 2.
fn assert_refused(pipeline: &Pipeline, expected: &[&str], case: &str) -> String {
    let checked = pipeline.run(&["check"]);
    let said = checked.words();
    assert_eq!(checked.status.code(), Some(2), "{case}: {} {said}", checked.stdout);
    for word in expected {
        assert!(said.contains(word), "{case}: {word} is not in {said}");
    }
    let ran = pipeline.catch_up();
    assert!(!ran.status.success(), "{case}: check refuses what run does not: {said}");
    said
}

#[test]
fn all_that_is_wrong_with_tables_is_one_list() {
    let databases = Databases::start();
    databases.at_source(
        r#"CREATE TABLE good (id int PRIMARY KEY);
        CREATE TABLE keyless (id int);
        CREATE TABLE closed (id int PRIMARY KEY);
        CREATE TABLE partly (id int PRIMARY KEY, name text, secret text);
        CREATE TABLE key_closed (id int PRIMARY KEY, name text);
        CREATE TABLE nothing ();
        CREATE TABLE computed (a int GENERATED ALWAYS AS (1) STORED);
        CREATE TABLE parts (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
        CREATE TABLE out_nothing ();
        CREATE TABLE out_closed (_op int, id int PRIMARY KEY)"#,
    );
    let mut pipeline = guarded(&databases);
    databases.at_source(
        "GRANT SELECT ON good, keyless, nothing, computed, parts TO warp;
         GRANT SELECT (id, name) ON partly TO warp;
         GRANT SELECT (name) ON key_closed TO warp",
    );
    pipeline.set("schemas.0.table_blacklist", json!(["out_nothing", "out_closed"]));
    pipeline.set(
        "schemas.0.tables",
        json!([{"name": "good", "columns": {"exclude": ["id"], "mask": {"nowhere": "hash-unkeyed"}}}]),
    );
    let expected = [
        "schema `public` cannot be run",
        "\"public\".\"keyless\" has no key",
        "ALTER TABLE \"public\".\"keyless\" ADD PRIMARY KEY",
        "GRANT SELECT ON \"public\".\"closed\" TO \"warp\"",
        "table `partly`: the source cannot read secret",
        "GRANT SELECT (\"secret\") ON \"public\".\"partly\" TO warp",
        "columns.exclude",
        "GRANT SELECT (\"id\") ON \"public\".\"key_closed\" TO warp",
        "\"public\".\"nothing\" has no columns",
        "\"public\".\"computed\" has no columns",
        "table `good`: `columns.exclude` names `id`, a column of its key",
        "table `good`: `columns.mask` names `nowhere`, which it does not have",
    ];
    let before = made(&databases);
    let said = assert_refused(&pipeline, &expected, "tables");
    assert!(!said.contains("out_"), "{said}");
    assert_eq!(made(&databases), before, "nothing is made");
    // What is mended is gone from the list, until there is none.
    databases.at_source(
        "ALTER TABLE keyless ADD PRIMARY KEY (id); DROP TABLE nothing, computed;
         GRANT SELECT ON closed TO warp; GRANT SELECT (id) ON key_closed TO warp;
         GRANT CREATE ON DATABASE shop TO warp; ALTER TABLE good OWNER TO warp",
    );
    let excluded = json!({"exclude": ["secret"]});
    pipeline.set("schemas.0.tables", json!([{"name": "partly", "columns": excluded}]));
    let expected = ["role warp does not own", "partly", "CREATE PUBLICATION", "ONLY"];
    assert_refused(&pipeline, &expected, "the publication");
    let all = "good, keyless, closed, partly, key_closed, parts";
    databases.at_source(&format!(
        "CREATE PUBLICATION cartridge_warp_public FOR TABLE {all}
             WITH (publish_via_partition_root = true)"
    ));
    let checked = pipeline.run(&["check"]);
    assert!(checked.status.success(), "{}", checked.stderr);
    assert!(checked.stdout.contains("schema `public`: ok, 6 tables"), "{}", checked.stdout);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
}

/// A case: its name, what is made at the source, what the pipeline wants, and what is said.
type Case = (&'static str, &'static str, fn(&mut Pipeline), &'static [&'static str]);

const CASES: &[Case] = &[
    (
        "files only append",
        "",
        |pipeline| {
            pipeline.set("destination", json!({"type": "files", "connection_string": "./out"}));
        },
        &["table `t`", "only ever appends", "write_mode: append"],
    ),
    (
        "files do not mark",
        "",
        |pipeline| {
            pipeline.set("destination", json!({"type": "files", "connection_string": "./out"}));
            pipeline.set("schemas.0.tables", json!([{"name": "t", "deletion_strategy": "soft"}]));
        },
        &["table `t`", "does not mark them", "deletion_strategy: hard"],
    ),
    (
        "a log in which nothing would tell what is told twice",
        "CREATE TABLE keyless (v text)",
        |pipeline| {
            pipeline.set("schemas.0.tables", json!([{"name": "keyless", "write_mode": "append"}]));
        },
        &["\"public\".\"keyless\" has no key", "ADD PRIMARY KEY", "leave it out"],
    ),
    (
        "a table that is not there",
        "",
        |pipeline| pipeline.set("schemas.0.tables", json!([{"name": "u"}])),
        &["`tables` names `u`"],
    ),
    (
        "a table that is not there is copied again",
        "",
        |pipeline| pipeline.set("full_resync", json!("u")),
        &["`full_resync` names `u`"],
    ),
    (
        "no table at all",
        "",
        |pipeline| pipeline.set("schemas.0.table_blacklist", json!(["*"])),
        &["schema `public` has no table to copy"],
    ),
    (
        "a publication that may not be made",
        "",
        |pipeline| pipeline.set("source.options", json!({"create_publication": false})),
        &["there is no publication", "CREATE PUBLICATION \"cartridge_warp_public\" FOR TABLE ONLY"],
    ),
    (
        "a publication that lacks the table",
        "CREATE PUBLICATION cartridge_warp_public",
        |pipeline| pipeline.set("source.options", json!({"create_publication": false})),
        &["lacks \"public\".\"t\"", "ADD TABLE ONLY \"public\".\"t\""],
    ),
    (
        "a publication with a filter",
        "CREATE PUBLICATION cartridge_warp_public FOR TABLE t WHERE (id > 5)",
        |_| {},
        &["only some rows of table t", "ALTER PUBLICATION"],
    ),
    (
        "a publication that lists columns",
        "CREATE PUBLICATION cartridge_warp_public FOR TABLE t (id)",
        |_| {},
        &["the source cannot read v", "ALTER PUBLICATION \"cartridge_warp_public\" DROP TABLE"],
    ),
    (
        "a slot that may not be made",
        "",
        |pipeline| pipeline.set("source.options", json!({"create_slot": false})),
        &["there is no replication slot", "pg_create_logical_replication_slot"],
    ),
    (
        "another one's slot",
        "SELECT pg_create_logical_replication_slot('mine', 'test_decoding')",
        |pipeline| pipeline.set("source.options", json!({"slot": "mine"})),
        &["replication slot mine has plugin test_decoding"],
    ),
    (
        "a name that is reserved",
        "",
        |pipeline| {
            let rename = json!({"rename": {"v": "_op"}});
            pipeline.set("schemas.0.tables", json!([{"name": "t", "columns": rename}]));
        },
        &["`schemas.0.tables.0.columns.rename.v` is no name of a column", "`_op`"],
    ),
    (
        "the application has a column that soft deletes write",
        "ALTER TABLE t ADD COLUMN deleted_at timestamptz",
        |pipeline| {
            pipeline.set("schemas.0.tables", json!([{"name": "t", "deletion_strategy": "soft"}]));
        },
        &["table `t` has a column `deleted_at`", "`deleted_at_column`"],
    ),
    (
        "too many columns",
        "",
        |pipeline| pipeline.set("schemas.0.limits", json!({"columns_max": 1})),
        &["limits.columns_max", "2 columns, 1 are allowed"],
    ),
];

#[test]
fn what_run_refuses_check_refuses() {
    for (name, made, spoil, expected) in CASES {
        let databases = Databases::start();
        databases.at_source(&format!("CREATE TABLE t (id int PRIMARY KEY, v text); {made}"));
        let mut pipeline = databases.pipeline();
        std::fs::create_dir_all(pipeline.path("out")).unwrap();
        let checked = pipeline.run(&["check"]);
        let (is_spoilt_at_source, ok) = (!made.is_empty(), checked.status.success());
        assert!(ok || is_spoilt_at_source, "{name}: {}", checked.stderr);
        spoil(&mut pipeline);
        assert_refused(&pipeline, expected, name);
    }
}

/// Changes of shape between two runs follow the operator's rules; `check` knows them.
#[test]
fn what_became_of_a_table_meanwhile_is_judged_too() {
    let cases: &[(&str, &str, Value, &[&str])] = &[
        (
            "a strict pipeline gets a column",
            "ALTER TABLE t ADD COLUMN more text",
            json!({"strategy": "strict"}),
            &["add_column `more` as text waits for a person", "schema approve public.t"],
        ),
        (
            "another key",
            "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id, v)",
            json!({}),
            &["the key of table `t` was (id) and is now (id, v)", "--full-resync=public.t"],
        ),
        (
            "names that were exchanged, and nothing may change",
            "ALTER TABLE t RENAME v TO x; ALTER TABLE t RENAME w TO v; ALTER TABLE t RENAME x TO w",
            json!({"enabled": false}),
            &["table `t`"],
        ),
    ];
    for (name, change, rules, expected) in cases {
        let databases = Databases::start();
        databases.at_source("CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL, w text)");
        let mut pipeline = databases.pipeline();
        pipeline.set("schema_evolution", rules.clone());
        assert!(pipeline.catch_up().status.success(), "{name}");
        let checked = pipeline.run(&["check"]);
        assert!(checked.status.success(), "{name}: {}", checked.stderr);
        databases.at_source(change);
        assert_refused(&pipeline, expected, name);
        pipeline.set("full_resync", json!("t"));
        let checked = pipeline.run(&["check"]);
        assert!(checked.status.success(), "{name}, copied again: {}", checked.stderr);
    }
}

#[test]
fn a_destination_that_cannot_be_written_to_is_refused_beside_the_rest() {
    let databases = Databases::start();
    databases.at_source("CREATE TABLE t (id int)");
    databases.at_destination("CREATE ROLE reader LOGIN; CREATE SCHEMA _cartridge_warp");
    let mut pipeline = databases.pipeline();
    let url = databases.destination_url();
    let (_, place) = url.split_once('@').unwrap();
    pipeline.set("destination.connection_string", json!(format!("postgresql://reader@{place}")));
    let expected = ["t\" has no key", "destination", "permission"];
    assert_refused(&pipeline, &expected, "no right at all");
    // The metadata could be made, but the tables could not.
    databases.at_source("ALTER TABLE t ADD PRIMARY KEY (id)");
    databases.at_destination(
        "GRANT CREATE ON DATABASE shop TO reader; DROP SCHEMA _cartridge_warp; \
         REVOKE CREATE ON SCHEMA public FROM public",
    );
    let expected = ["GRANT USAGE, CREATE ON SCHEMA \"public\" TO \"reader\""];
    assert_refused(&pipeline, &expected, "no right to make tables");
    databases.at_destination("GRANT CREATE ON SCHEMA public TO reader");
    let checked = pipeline.run(&["check"]);
    assert!(checked.status.success(), "{}", checked.stderr);
    assert!(pipeline.catch_up().status.success());
}

/// What ends a password where it should have been encoded; what is behind it is taken for something else.
#[test]
fn a_password_that_is_not_encoded_is_never_shown() {
    let passwords = [
        "fiRst@secOnd",
        "fiRst/secOnd",
        "fiRst?secOnd",
        "fiRst#secOnd",
        "fiRst?a=secOnd",
        "fiRst/a?b@secOnd",
        "fiRst:a@secOnd",
        "@fiRst",
        "/fiRst",
        "5432/secOnd",
    ];
    for password in passwords {
        let postgresql = json!({
            "type": "postgresql",
            "connection_string": format!("postgresql://warp:{password}@127.0.0.1:1/shop"),
        });
        for side in ["source", "destination"] {
            let mut pipeline = Pipeline::new();
            pipeline.write("items.csv", "id,note\n1,a\n");
            pipeline.set(side, postgresql.clone());
            for command in [&["check"][..], &["run", "--until-caught-up"]] {
                let ended = pipeline.run(command);
                let case = format!("{side} {command:?} {password}");
                assert!(!ended.status.success(), "{case}");
                for piece in ["fiRst", "secOnd"] {
                    let shown = format!("{}{}", ended.stdout, ended.stderr);
                    assert!(!shown.contains(piece), "{case}: {shown}");
                }
                assert!(ended.words().contains("percent-encode"), "{case}: {}", ended.stderr);
            }
        }
    }
}

/// Whoever reads it can say the same in `columns.types`.
#[test]
fn what_is_discovered_is_in_the_words_of_the_configuration() {
    let pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1,\"note\":\"x\"}\n");
    let shown = pipeline.run(&["--output", "human", "discover"]).stdout;
    assert!(shown.contains("  id  bigint\n  note  text\n"), "{shown}");
    assert!(shown.starts_with("shop.orders: key id\n"), "{shown}");
    let checked = pipeline.run(&["--output", "human", "check"]).stdout;
    assert!(checked.contains("schema `shop`: ok, 1 table\n"), "{checked}");
    let json = pipeline.run(&["--output", "json", "discover"]).stdout;
    let columns = serde_json::from_str::<Value>(&json).unwrap()["columns"].take();
    assert_eq!(columns, json!([["id", "bigint"], ["note", "text"]]));
}
