//! The host knows no vendor: what is special about a database is its connector's business.

use crate::{
    source::{self, File},
    tokens,
};

const VENDORS: [&str; 14] = [
    "postgres",
    "mongo",
    "sqlite",
    "mysql",
    "mariadb",
    "oracle",
    "sqlserver",
    "mssql",
    "kafka",
    "snowflake",
    "bigquery",
    "redshift",
    "clickhouse",
    "duckdb",
];
/// Where a name is not knowledge: help texts, which give examples, keys of the first design that are
/// refused with advice, the host's own store, which happens to be SQLite, and the login that several
/// servers speak, whose hashing comes from a crate that has the name of one.
const ALLOWED: [&str; 4] = [
    "host/src/cli/args/mod.rs",
    "host/src/config/unsupported.rs",
    "host/src/plugin/network/login/exchange.rs",
    "host/src/store/",
];

fn violations(files: &[File]) -> Vec<String> {
    let of_host = files.iter().filter(|file| file.is_in("host/src") && file.is_rust());
    let judged = of_host
        .filter(|file| !file.is_test())
        .filter(|file| !ALLOWED.iter().any(|allowed| file.path.starts_with(allowed)));
    let found = judged.flat_map(|file| {
        let words = tokens::words(&tokens::of(&file.path, &file.text)).into_iter();
        words.filter_map(|(word, line)| {
            let lower = word.to_lowercase();
            let vendor = VENDORS.iter().find(|vendor| lower.contains(*vendor))?;
            Some(format!("{}:{line}: the host names the vendor `{vendor}`", file.path))
        })
    });
    found.collect()
}

#[test]
fn the_host_names_no_vendor() {
    crate::assert_none(&violations(&source::files()));
}

#[test]
fn the_rule_finds_vendors_in_names_and_texts() {
    let runner = "host/src/runner/mod.rs";
    crate::assert_judges(
        violations,
        &[
            ("a text", runner, r#"fn f(n: &str) -> bool { n == "postgresql" }"#, true),
            ("a name", runner, "fn is_mongo() {}", true),
            ("a type", runner, "struct MySqlThing;", true),
            (
                "documentation may give an example",
                runner,
                "/// Such as `postgresql`.\nfn f() {}",
                false,
            ),
            (
                "a unit test may",
                runner,
                r#"#[cfg(test)] mod t { const A: &str = "mongodb"; }"#,
                false,
            ),
            (
                "a file of tests may",
                "host/src/config/tests/a.rs",
                r#"const A: &str = "kafka";"#,
                false,
            ),
            (
                "advice may",
                "host/src/config/unsupported.rs",
                r#"const A: &str = "mongodb";"#,
                false,
            ),
            ("the host's store may", "host/src/store/db.rs", "use rusqlite::Connection;", false),
            ("a connector may", "plugins/x/src/lib.rs", "use postgres::Client;", false),
        ],
    );
}
