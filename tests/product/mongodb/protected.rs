//! A server that wants logins, behind TLS that the host ends.

use cartridge_warp_test_mongodb::{Server, Settings, bson::doc};
use cartridge_warp_tests::{Pipeline, rows::sqlite_rows};
use serde_json::{Value, json};

use super::servers::SCHEMA;
use super::tls_front::TlsFront;

/// As it is, and as a URL has it.
const PASSWORD: [&str; 2] = ["s3cret/p@ss", "s3cret%2Fp%40ss"];

/// The keys at the destination.
fn keys(pipeline: &Pipeline) -> Vec<Value> {
    let rows = sqlite_rows(&pipeline.database(), "orders", "_id");
    rows.iter().map(|row| row["_id"].clone()).collect()
}

#[test]
fn a_server_with_logins_behind_tls_is_copied_and_followed_and_strangers_are_told_why_not() {
    let server = Server::start(Settings { authorization: true, ..Settings::default() });
    let roles = [doc! {"role": "read", "db": SCHEMA}];
    let user = doc! {"createUser": "warp", "pwd": PASSWORD[0], "roles": roles.to_vec()};
    server.run("admin", user);
    server.insert(SCHEMA, "orders", &[doc! {"_id": 1}, doc! {"_id": 2}]);
    let front = TlsFront::start(server.port());
    let url = |password: &str, more: &str| {
        let port = front.port();
        let options = format!("directConnection=true&authSource=admin&tls=true{more}");
        json!(format!("mongodb://warp:{password}@127.0.0.1:{port}/?{options}"))
    };
    let of_ca = format!("&tlsCAFile={}", front.ca().display());
    let mut pipeline = Pipeline::new();
    pipeline.set("error_handling.max_retries", json!(1));

    for (password, more, reason) in
        [(PASSWORD[1], "", "certificate"), ("wr0ng", of_ca.as_str(), "refused the login")]
    {
        pipeline
            .set("source", json!({"type": "mongodb", "connection_string": url(password, more)}));
        let refused = pipeline.catch_up();
        assert!(!refused.status.success(), "{}", refused.stderr);
        assert!(refused.stderr.contains(reason), "no {reason} in {}", refused.stderr);
        for part in ["s3cret", "wr0ng"] {
            assert!(!refused.stderr.contains(part), "{part} is in {}", refused.stderr);
        }
    }

    let url = url(PASSWORD[1], &of_ca);
    pipeline.set("source", json!({"type": "mongodb", "connection_string": url}));
    let copied = pipeline.catch_up();
    assert!(copied.status.success(), "{}", copied.stderr);
    assert_eq!(keys(&pipeline), [1, 2]);
    let gone = doc! {"delete": "orders", "deletes": [{"q": {"_id": 1}, "limit": 1}]};
    server.run(SCHEMA, gone);
    server.insert(SCHEMA, "orders", &[doc! {"_id": 3}]);
    let followed = pipeline.catch_up();
    assert!(followed.status.success(), "{}", followed.stderr);
    assert_eq!(keys(&pipeline), [2, 3]);
}
