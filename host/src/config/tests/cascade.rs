//! What holds for a table, and which tables are moved.

use std::num::NonZeroU32;

use super::{MINIMAL, load, load_with_env};
use crate::config::{DeadLetterLimit, DeletionStrategy, Mask, Resync, WarpConfig, WriteMode};

#[test]
fn a_value_set_nearer_wins() {
    let text = format!(
        "{MINIMAL}    default_batch_size: 20
    default_max_parallel_streams: 3
    tables:
      - name: own
        stream_batch_size: 30
        polling_interval_seconds: 250ms
        max_parallel_streams: 4
      - name: plain
  - name: bare
global_max_parallel_streams: 2
"
    );
    let config = load(&text).unwrap();
    // Schema, table, and: stream batch, polling in ms, parallel streams.
    let cases = [
        ("a table's own values win", "shop", "own", 30, 250, 4),
        ("a listed table takes its schema's", "shop", "plain", 20, 5000, 3),
        ("a table that is not listed takes its schema's", "shop", "other", 20, 5000, 3),
        ("a bare schema takes the global ones", "bare", "any", 1000, 5000, 2),
        ("a schema that is not listed takes the global ones", "none", "any", 1000, 5000, 2),
    ];
    for (case, schema, table, batch, polling, parallel) in cases {
        let settings = config.table_settings(schema, table);
        let found = (
            settings.stream_batch_size.get(),
            settings.polling_interval.as_millis(),
            settings.max_parallel_streams.map_or(0, NonZeroU32::get),
        );
        assert_eq!(found, (batch, polling, parallel), "{case}");
        assert_eq!(settings.write_batch_size.get(), 500, "{case}");
        assert_eq!(settings.full_load_batch_size.get(), 10_000, "{case}");
        assert_eq!(settings.soft_delete_column, "is_deleted", "{case}");
    }
}

#[test]
fn globs_are_the_defaults_of_the_tables_that_match() {
    let text = format!(
        "{MINIMAL}    tables:
      - name: own
        write_batch_size: 1
        where: 'TRUE'
        columns: {{exclude: [note], rename: {{a: x}}}}
      - name: 'o*'
        write_batch_size: 2
        full_load_batch_size: 20
        deletion_strategy: soft
        soft_delete_column: gone
        columns: {{mask: {{email: hash-unkeyed}}, rename: {{a: y, b: z}}}}
      - name: '*'
        write_batch_size: 3
        full_load_batch_size: 30
        write_mode: append
        polling_interval_seconds: 1
        enable_schema_evolution: false
        where: id > 5
        columns: {{mask: [email, phone]}}
"
    );
    let config = load(&text).unwrap();
    // Table, write batch, full load batch, how many columns are masked, and what `a` is called.
    for (case, table, write, load, masked, called) in [
        ("what a table says itself wins", "own", 1, 20, 2, Some("x")),
        ("the first glob that says something wins", "other", 2, 20, 2, Some("y")),
        ("what is left is said by the last", "items", 3, 30, 2, None),
    ] {
        let settings = config.table_settings("shop", table);
        assert_eq!(settings.write_batch_size.get(), write, "{case}");
        assert_eq!(settings.full_load_batch_size.get(), load, "{case}");
        assert_eq!(settings.columns.mask.len(), masked, "{case}: nothing masked gets through");
        assert_eq!(settings.columns.rename.get("a").map(String::as_str), called, "{case}");
        assert_eq!(settings.write_mode, WriteMode::Append, "{case}");
        assert_eq!(settings.polling_interval.as_secs(), 1, "{case}");
        assert!(!settings.enable_schema_evolution, "{case}");
    }
    for (table, condition) in [("own", "TRUE"), ("items", "id > 5")] {
        let settings = config.table_settings("shop", table);
        assert_eq!(settings.where_clause, Some(condition.parse().unwrap()), "{table}");
    }
    let own = config.table_settings("shop", "own");
    assert_eq!(own.columns.mask["email"], Mask::HashUnkeyed, "the nearer glob");
    assert_eq!(own.soft_delete_column, "gone");
    assert!(own.columns.exclude.contains("note") && own.own_columns.mask.is_empty());
    assert_eq!(config.table_settings("shop", "items").deletion_strategy, DeletionStrategy::Hard);
    // What can stand nowhere else stands in a name.
    let odd = load(&format!("{MINIMAL}    tables: [{{name: 'a\\[1]', write_batch_size: 9}}]\n"));
    assert_eq!(odd.unwrap().table_settings("shop", "a[1]").write_batch_size.get(), 9);
}

#[test]
fn the_limit_of_dead_letters_is_that_of_the_nearest() {
    // Everywhere, of the schema, of the table, and what holds.
    let cases = [
        ("none", "", "", "", None),
        ("everywhere", "9", "", "", Some(9)),
        ("the schema's", "9", "8", "", Some(8)),
        ("the table's", "9", "8", "0", Some(0)),
        ("the table's alone", "", "", "7", Some(7)),
    ];
    for (case, everywhere, schema, table, expected) in cases {
        let key = |limit: &str| match limit {
            "" => String::new(),
            limit => format!("dead_letter_limit: {limit}"),
        };
        let text = format!(
            "{MINIMAL}    {}\n    tables: [{{name: a, {}}}]\nerror_handling: {{{}}}\n",
            key(schema),
            key(table),
            key(everywhere)
        );
        let found = load(&text).unwrap().dead_letter_limit("shop", "a");
        assert_eq!(found, expected.map(DeadLetterLimit::Rows), "{case}");
    }
}

#[test]
fn a_table_has_one_place_at_the_destination() {
    // What the schema says, what the table says, and the place of `a`.
    let cases = [
        ("its own names", "", "", None),
        ("the same in other words", "destination_schema: shop", "destination_table: a", None),
        ("another schema", "destination_schema: lake", "", Some("lake.a")),
        (
            "around each name",
            "table_prefix: raw_\n    table_suffix: _v1",
            "",
            Some("shop.raw_a_v1"),
        ),
        ("the table's own word", "table_prefix: raw_", "destination_table: b", Some("shop.b")),
        ("which may be its name", "table_prefix: raw_", "destination_table: a", None),
    ];
    for (case, schema, table, expected) in cases {
        let text =
            format!("{MINIMAL}    tables:\n      - name: a\n        {table}\n    {schema}\n");
        let place = load(&text).unwrap().table_settings("shop", "a").place;
        assert_eq!(place.map(|place| place.to_string()).as_deref(), expected, "{case}");
    }
}

#[test]
fn schema_evolution_needs_every_switch() {
    let cases = [
        ("all on", "", true),
        ("off for all", "schema_evolution: {enabled: false}\n", false),
        ("off for the table", "    tables: [{name: a, enable_schema_evolution: false}]\n", false),
        ("excluded by a glob", "schema_evolution: {excluded_tables: 'a*'}\n", false),
        ("another table is excluded", "schema_evolution: {excluded_tables: b}\n", true),
    ];
    for (case, lines, expected) in cases {
        let config = load(&format!("{MINIMAL}{lines}")).unwrap();
        let found = config.table_settings("shop", "a").enable_schema_evolution;
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn tables_are_selected_by_both_levels() {
    // Global whitelist and blacklist, the schema's, and which of the tables are moved.
    let cases = [
        ("nothing set moves all", ["", "", "", ""], "orders audit tmp_1"),
        ("a blacklist takes away", ["", "tmp_*", "", ""], "orders audit"),
        ("a whitelist is all there is", ["orders", "", "", ""], "orders"),
        ("a whitelist wins over the blacklist", ["orders", "orders", "", ""], "orders"),
        ("both levels must allow", ["orders,audit", "", "audit", ""], "audit"),
        ("a schema's blacklist narrows the global whitelist", ["o*,a*", "", "", "a*"], "orders"),
    ];
    for (case, [global_white, global_black, white, black], expected) in cases {
        let text = format!(
            "{MINIMAL}    table_whitelist: '{white}'\n    table_blacklist: '{black}'\n\
             global_table_whitelist: '{global_white}'\nglobal_table_blacklist: '{global_black}'\n"
        );
        let config = load(&text).unwrap();
        let tables = ["orders", "audit", "tmp_1"];
        let found = tables.into_iter().filter(|table| config.selects_table("shop", table));
        assert_eq!(found.collect::<Vec<_>>().join(" "), expected, "{case}");
        assert!(!config.selects_table("elsewhere", "orders"), "{case}: an unlisted schema");
    }
}

#[test]
fn tables_to_copy_anew_are_found_by_schema() {
    let variable = "CARTRIDGE_WARP_FULL_RESYNC";
    let named = |config: &WarpConfig, schema: &str| {
        let resync = config.full_resync_of(schema);
        if resync == Resync::All { "all".to_owned() } else { resync.named().join(" ") }
    };
    let text = format!("{MINIMAL}  - name: hr\nfull_resync: [shop.orders, items, hr.people]\n");
    let config = load(&text).unwrap();
    // Another schema's name in front is a part of the name where that schema does not run.
    assert_eq!(named(&config, "shop"), "orders items hr.people");
    let multi = text.replace("items, ", "").replace("single_schema_name: shop", "mode: multi");
    let config = load(&multi).unwrap();
    assert_eq!((named(&config, "shop"), named(&config, "hr")), ("orders".into(), "people".into()));
    // A schema's name may begin like another's.
    let longer = multi.replace("name: hr", "name: shop.eu").replace("hr.people", "shop.eu.people");
    let config = load(&longer).unwrap();
    assert_eq!(
        (named(&config, "shop"), named(&config, "shop.eu")),
        ("orders".into(), "people".into())
    );
    for (value, shop) in [("true", "all"), ("orders,items", "orders items"), ("false", "")] {
        let config = load_with_env(&text, &[(variable, value)]).unwrap();
        assert_eq!(named(&config, "shop"), shop, "{value}");
    }
}
