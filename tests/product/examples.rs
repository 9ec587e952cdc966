//! The configurations under `examples/`, as a new user runs them, against servers of the tests.

#![allow(clippy::expect_used)] // Helpers of tests are tests, too.

use std::{fs, path::PathBuf, process::Command};

use cartridge_warp_test_mongodb::{
    Server, Settings,
    bson::{DateTime, Document, doc},
};
use cartridge_warp_test_postgresql::Cluster;
use cartridge_warp_tests::{Product, Running, rows::sqlite_count};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::files::libraries::packages;

/// `duckdb < FILE` where there is only the library: the rows of the last statement, as text.
const DUCKDB: &str = "
import duckdb, json, sys
connection = duckdb.connect()
for statement in filter(str.strip, open(sys.argv[1]).read().split(';')):
    rows = connection.execute(statement).fetchall()
print(json.dumps([[str(value) for value in row] for row in rows]))
";

/// A copy of an example, so that what it writes does not stay.
struct Example {
    directory: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Example {
    fn copy(name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let example = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
        for file in fs::read_dir(example).expect("the example") {
            let file = file.expect("a file");
            fs::copy(file.path(), directory.path().join(file.file_name())).expect("a copy");
        }
        Self { directory, environment: Vec::new() }
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.directory.path().join(file)).expect("a file of the example")
    }

    fn run(&self, file: &str, more: &[&str]) {
        let mut command = Product::find().command();
        command.current_dir(self.directory.path()).envs(self.environment.clone());
        command.args(["run", "-c", file, "--until-caught-up"]).args(more);
        let ended = Running::start(command).wait(std::time::Duration::from_secs(120));
        assert!(ended.status.success(), "{file}: {}", ended.stderr);
    }
}

impl Example {
    fn duckdb(&self, file: &str) -> Value {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", packages()).current_dir(self.directory.path());
        let output = command.args(["-c", DUCKDB, file]).output().expect("python3 runs");
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("it prints JSON")
    }
}

#[test]
fn a_shop_of_postgresql_is_a_lake() {
    let cluster = Cluster::start(&[("wal_level", "logical")]);
    cluster.create_database("shop");
    let mut example = Example::copy("lake");
    let shop = Example::copy("postgresql-to-postgresql");
    example.environment = vec![("SOURCE_URL", cluster.url("shop"))];
    fs::create_dir(example.directory.path().join("lake")).expect("a directory");
    let at_source = || -> Value {
        let orders = "SELECT json_agg(json_build_array(state, orders::text, total::text)) FROM (
            SELECT state, count(*) AS orders, sum(total) AS total FROM orders
            GROUP BY state ORDER BY state) t";
        serde_json::from_str(&cluster.sql("shop", orders).concat()).expect("JSON")
    };
    cluster.sql("shop", &shop.text("setup.sql"));
    example.run("postgresql.yaml", &[]);
    assert_eq!(example.duckdb("orders.sql"), at_source());
    cluster.sql("shop", &shop.text("changes.sql"));
    example.run("postgresql.yaml", &[]);
    let found = example.duckdb("orders.sql");
    assert_eq!((&found, found.as_array().map(Vec::len)), (&at_source(), Some(2)));
}

#[test]
fn a_shop_of_mongodb_is_a_lake() {
    let source = Server::start(Settings::default());
    let user = |(id, country): (i32, &str)| doc! {"_id": id, "address": {"country": country}};
    let users = [(1, "DE"), (2, "NL"), (3, "DE"), (4, "NL"), (5, "DE")].map(user);
    source.insert("ecommerce", "users", &users);
    let mut example = Example::copy("lake");
    example.environment = vec![("MONGODB_URL", format!("mongodb://127.0.0.1:{}", source.port()))];
    fs::create_dir(example.directory.path().join("lake")).expect("a directory");
    example.run("mongodb.yaml", &[]);
    assert_eq!(example.duckdb("users.sql"), json!([["DE", "3"], ["NL", "2"]]));
    let gone = doc! {"delete": "users", "deletes": [{"q": {"_id": 1}, "limit": 0}]};
    source.run("ecommerce", gone);
    example.run("mongodb.yaml", &[]);
    assert_eq!(example.duckdb("users.sql"), json!([["DE", "2"], ["NL", "2"]]));
}

#[test]
fn a_shop_of_mongodb_is_kept_in_postgresql_by_one_schema_and_by_two() {
    let source = Server::start(Settings::default());
    let destination = Cluster::start(&[]);
    destination.create_database("warehouse");
    let user = |n: i32| -> Document {
        doc! {"_id": n, "name": format!("User {n}"), "email": format!("user{n}@example.com"),
        "created_at": DateTime::now(), "address": {"street": "S", "country": "NL"}}
    };
    let order = |n: i32| doc! {"user_id": n % 100, "state": "open", "lines": [{"article": n}]};
    let users: Vec<Document> = (1..=100).map(user).collect();
    let orders: Vec<Document> = (0..2000).map(order).collect();
    source.insert("ecommerce", "users", &users);
    source.insert("ecommerce", "orders", &orders);
    source.insert("support", "tickets", &[doc! {"_id": "T-1", "open": true}]);
    let mut example = Example::copy("mongodb-to-postgresql");
    example.environment = vec![
        ("MONGODB_URL", format!("mongodb://127.0.0.1:{}", source.port())),
        ("POSTGRESQL_URL", destination.url("warehouse")),
        ("HASH_KEY", "a key of some length".to_owned()),
    ];
    let sql = |sql: &str| destination.sql("warehouse", sql);

    example.run("single.yaml", &[]);
    let users = "SELECT count(*), count(*) FILTER (WHERE email LIKE '%@%'),
                        count(DISTINCT email), min(address ->> 'country') FROM ecommerce.users";
    assert_eq!(sql(users), ["100|0|100|NL"], "the addresses are masked");
    assert_eq!(sql("SELECT count(*) FROM ecommerce.orders"), ["2000"]);
    let gone = doc! {"delete": "orders", "deletes": [{"q": {"user_id": {"$gt": 97}}, "limit": 0}]};
    source.run("ecommerce", gone);
    source.insert("ecommerce", "coupons", &[doc! {"_id": "SPRING", "percent": 10}]);
    example.run("single.yaml", &[]);
    assert_eq!(sql("SELECT count(*) FROM ecommerce.orders"), ["1960"]);
    assert_eq!(sql("SELECT percent FROM ecommerce.coupons"), ["10"]);

    let gone = doc! {"delete": "orders", "deletes": [{"q": {"user_id": 97}, "limit": 0}]};
    source.run("ecommerce", gone);
    example.run("multi.yaml", &[]);
    let orders = "SELECT count(*), count(*) FILTER (WHERE is_deleted) FROM ecommerce.orders";
    assert_eq!(sql(orders), ["1960|20"], "this one keeps deleted orders");
    assert_eq!(sql("SELECT _id, open FROM support.tickets"), ["T-1|t"]);
    let ended = doc! {"q": {"_id": "T-1"}, "u": {"$set": {"open": false}}};
    source.run("support", doc! {"update": "tickets", "updates": [ended]});
    example.run("multi.yaml", &["--mode", "single", "--schema", "support"]);
    assert_eq!(sql("SELECT _id, open FROM support.tickets"), ["T-1|f"]);
}

#[test]
fn a_shop_of_postgresql_is_kept_in_postgresql_and_in_a_file() {
    let cluster = Cluster::start(&[("wal_level", "logical")]);
    for database in ["shop", "warehouse"] {
        cluster.create_database(database);
    }
    let environment = vec![
        ("SOURCE_URL", cluster.url("shop")),
        ("DESTINATION_URL", cluster.url("warehouse")),
        ("HASH_KEY", "a key of some length".to_owned()),
    ];
    let mut servers = Example::copy("postgresql-to-postgresql");
    let mut file = Example::copy("postgresql-to-sqlite");
    (servers.environment, file.environment) = (environment.clone(), environment);
    let both = |sql: &str| ["shop", "warehouse"].map(|database| cluster.sql(database, sql));
    let orders = "SELECT count(*), count(*) FILTER (WHERE state = 'paid'), sum(total) FROM orders";

    cluster.sql("shop", &servers.text("setup.sql"));
    servers.run("config.yaml", &[]);
    file.run("config.yaml", &[]);
    let [source, destination] = both(orders);
    assert_eq!((&source, source[0].starts_with("100000|0|")), (&destination, true), "{source:?}");
    let masked = "SELECT count(*) FILTER (WHERE email LIKE '%@%') FROM customers";
    assert_eq!(both(masked), [["1000"], ["0"]]);

    cluster.sql("shop", &servers.text("changes.sql"));
    servers.run("config.yaml", &[]);
    file.run("config.yaml", &[]);
    let [source, destination] = both(orders);
    assert_eq!(source, destination);
    let [source, destination] = both("SELECT count(*), max(note) FROM orders");
    assert_eq!((&source, source[0].ends_with("there before")), (&destination, true));
    let count = sqlite_count(&file.directory.path().join("shop.db"), "orders");
    assert_eq!(source[0].split('|').next(), Some(count.to_string().as_str()));
}
