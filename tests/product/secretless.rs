//! The host logs in for a connector, which never has the password; and what `check` says of
//! connections that nothing protects.

use std::{fs, time::Duration};

use cartridge_warp_test_postgresql::Cluster;
use cartridge_warp_tests::{Databases, Pipeline, wait_until};
use serde_json::json;

/// Needs percent-encoding in a URL.
const PASSWORD: &str = "s3cret/@:%word";
const ENCODED: &str = "s3cret%2F%40%3A%25word";
const STREAMING: &str = "following changes";

/// Makes a user that has to prove its password by SCRAM.
fn demand_passwords(cluster: &Cluster) {
    let role = format!("CREATE ROLE warp LOGIN SUPERUSER PASSWORD '{PASSWORD}'");
    cluster.sql("postgres", &role);
    let stored =
        cluster.sql("postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'warp'");
    assert!(stored[0].starts_with("SCRAM-SHA-256$"), "{stored:?}");
    let file = cluster.directory().join("data/pg_hba.conf");
    let rules = fs::read_to_string(&file).unwrap();
    let ours = "host all warp 127.0.0.1/32 scram-sha-256\n\
                host replication warp 127.0.0.1/32 scram-sha-256\n";
    fs::write(&file, format!("{ours}{rules}")).unwrap();
    cluster.sql("postgres", "SELECT pg_reload_conf()");
}

fn url(cluster: &Cluster, password: &str) -> String {
    format!("postgresql://warp:{password}@127.0.0.1:{}/shop?sslmode=disable", cluster.port())
}

fn grants(cluster: &Cluster) -> serde_json::Value {
    json!({"hosts": [{"host": "127.0.0.1", "port": cluster.port(), "credentials": "host"}]})
}

/// A pipeline whose connectors have no password.
fn pipeline(databases: &Databases, password: &str) -> Pipeline {
    let mut pipeline = databases.pipeline();
    for (side, cluster) in [("source", &databases.source), ("destination", &databases.destination)]
    {
        pipeline.set(&format!("{side}.connection_string"), json!(url(cluster, password)));
        pipeline.set(&format!("{side}.grants"), grants(cluster));
    }
    pipeline
}

fn databases() -> Databases {
    let databases = Databases::start();
    for cluster in [&databases.source, &databases.destination] {
        demand_passwords(cluster);
        wait_until("a password is demanded", || {
            let mut psql = cluster.program("psql");
            let url = url(cluster, "wrong");
            psql.args(["-X", "-c", "SELECT 1"]).arg(url).output().is_ok_and(|o| !o.status.success())
        });
    }
    databases.at_source(
        "CREATE TABLE t (id bigint PRIMARY KEY, v text);
         INSERT INTO t SELECT n, 'row ' || n FROM generate_series(1, 500) n",
    );
    databases
}

#[test]
fn both_sides_copy_and_stream_without_the_connectors_having_a_password() {
    let databases = databases();
    let pipeline = pipeline(&databases, ENCODED);
    let checked = pipeline.run(&["check"]);
    assert!(checked.status.success(), "{}", checked.stderr);
    let mut running = pipeline.start();
    running.wait_for(STREAMING);
    // The replication connection logs in as well.
    databases.at_source("INSERT INTO t VALUES (1001, 'streamed'); DELETE FROM t WHERE id = 7");
    wait_until("the change arrives", || {
        let count = "SELECT count(*) FROM public.t WHERE id = 1001";
        databases.destination.try_sql("shop", count).is_ok_and(|rows| rows == ["1"])
    });
    running.signal(15);
    let ended = running.wait(Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
    assert!(!ended.stderr.contains(PASSWORD) && !ended.stderr.contains(ENCODED));
}

#[test]
fn a_wrong_password_is_the_servers_error_and_is_not_repeated() {
    let databases = databases();
    let checked = pipeline(&databases, "wr0ng-s3cret").run(&["check"]);
    assert!(!checked.status.success());
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert!(said.contains("28P01"), "{said}");
    assert!(!said.contains("wr0ng-s3cret"), "{said}");
}

#[test]
fn nothing_that_a_guest_gets_holds_the_password() {
    let mut pipeline = Pipeline::new();
    let component = pipeline.product.test_plugins.join("network-source.wasm");
    let source = |grants| {
        json!({
            "type": "network",
            "plugin": component,
            "connection_string": format!("net://warp:{ENCODED}@127.0.0.1:1/shop"),
            "options": {"deed": "reveal", "fail": true},
            "grants": grants,
        })
    };
    for (credentials, has) in [("connector", true), ("host", false)] {
        let host = json!({"host": "127.0.0.1", "port": 1, "credentials": credentials});
        pipeline.set("source", source(json!({"hosts": [host]})));
        let found = pipeline.run(&["discover"]);
        assert!(!found.status.success(), "the deed is answered by a failure");
        // The guest says it backwards, so that nothing is taken out of its words on the way; and the
        // error is wrapped to the terminal's width.
        let said: String = found.stderr.chars().rev().filter(|c| !" \n│×".contains(*c)).collect();
        assert_eq!(said.contains(ENCODED) || said.contains(PASSWORD), has, "{credentials}: {said}");
        assert_eq!(said.contains("the-host-logs-in"), !has, "{credentials}: {said}");
    }
}

#[test]
fn what_cannot_be_kept_from_a_connector_is_refused_with_the_reason() {
    let cases = [
        ("net://warp@127.0.0.1:1/shop", "127.0.0.1", "names no user and password"),
        ("net://warp:x@127.0.0.1:1/shop", "127.0.0.2", "127.0.0.2:1 is no host of"),
        ("net://warp:x@127.0.0.1:1,db:1/shop", "127.0.0.1", "db:1 is a host of"),
    ];
    for (url, host, expected) in cases {
        let mut pipeline = Pipeline::new();
        let component = pipeline.product.test_plugins.join("network-source.wasm");
        let host = json!({"host": host, "port": 1, "credentials": "host"});
        pipeline.set(
            "source",
            json!({
                "type": "network", "plugin": component, "connection_string": url,
                "grants": {"hosts": [host]},
            }),
        );
        let refused = pipeline.run(&["validate"]);
        assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
        let said = refused.stderr.replace(['\n', '│', ' '], "");
        assert!(said.contains(&expected.replace(' ', "")), "{expected}: {}", refused.stderr);
    }
}

#[test]
fn validate_says_how_each_connection_is_protected_and_what_would_be_safer() {
    let mut pipeline = Pipeline::new();
    let shown = |pipeline: &mut Pipeline, url: &str| {
        pipeline.set("source", json!({"type": "postgresql", "connection_string": url}));
        pipeline.set("single_schema_name", json!("public"));
        pipeline.set("schemas", json!([{"name": "public"}]));
        let validated = pipeline.run(&["validate"]);
        assert!(validated.status.success(), "{}", validated.stderr);
        validated.stdout
    };
    let advice = "a password too; `sslmode=verify-full`, or `sslmode=require`";
    let cases = [
        ("postgresql://u@db/x", "source may reach db:5432, TLS prefer", true),
        ("postgresql://u@10.0.0.1/x", "10.0.0.1:5432, TLS prefer", true),
        ("postgresql://u@a.example/x", "a.example:5432, TLS require", false),
        ("postgresql://u@a.example/x?sslmode=prefer", "a.example:5432, TLS prefer", true),
        ("postgresql://u@127.0.0.1/x", "127.0.0.1:5432, TLS prefer", false),
        ("postgresql://u@db/x?sslmode=disable", "db:5432, TLS disable", false),
    ];
    for (url, line, advised) in cases {
        let said = shown(&mut pipeline, url);
        assert!(said.contains(line), "{url}: {said}");
        assert_eq!(said.contains(advice), advised, "{url}: {said}");
    }
}
