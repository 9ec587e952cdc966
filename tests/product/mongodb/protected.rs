//! Servers that want logins and talk TLS, which the host ends.

use cartridge_warp_test_mongodb::{Identity, Server, Settings, Tls, bson::doc};
use cartridge_warp_tests::{Pipeline, rows::sqlite_rows};
use serde_json::{Value, json};

use super::servers::SCHEMA;

/// As it is, and as a URL has it.
const PASSWORD: [&str; 2] = ["s3cret/p@ss", "s3cret%2Fp%40ss"];

/// So that a connection that cannot come about is given up soon.
const SOON: &str = "&serverSelectionTimeoutMS=300&connectTimeoutMS=500";

/// A server that wants logins, with two documents.
fn start(tls: Tls) -> Server {
    let server = Server::start(Settings { authorization: true, tls, ..Settings::default() });
    server.insert(SCHEMA, "orders", &[doc! {"_id": 1}, doc! {"_id": 2}]);
    server
}

/// A pipeline that reads the server with this login and these options besides.
fn pipeline(server: &Server, login: &str, options: &str) -> Pipeline {
    let url = format!("mongodb://{login}127.0.0.1:{}/?directConnection=true", server.port());
    let mut pipeline = Pipeline::new();
    pipeline.set("error_handling.max_retries", json!(1));
    let source = json!({"type": "mongodb", "connection_string": format!("{url}{options}")});
    pipeline.set("source", source);
    pipeline
}

fn with_ca(server: &Server) -> String {
    format!("&tls=true&tlsCAFile={}", server.ca().display())
}

fn assert_refused(pipeline: &Pipeline, words: &[&str], secrets: &[&str]) {
    let refused = pipeline.catch_up();
    assert!(!refused.status.success(), "{}", refused.stderr);
    for word in words {
        assert!(refused.stderr.contains(word), "no {word} in {}", refused.stderr);
    }
    assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
    for secret in secrets {
        assert!(!refused.stderr.contains(secret), "{secret} is in {}", refused.stderr);
    }
}

fn assert_copied_and_followed(pipeline: &Pipeline, server: &Server) {
    let keys = || -> Vec<Value> {
        let rows = sqlite_rows(&pipeline.database(), "orders", "_id");
        rows.iter().map(|row| row["_id"].clone()).collect()
    };
    let copied = pipeline.catch_up();
    assert!(copied.status.success(), "{}", copied.stderr);
    assert_eq!(keys(), [1, 2]);
    server.run(SCHEMA, doc! {"delete": "orders", "deletes": [{"q": {"_id": 1}, "limit": 1}]});
    server.insert(SCHEMA, "orders", &[doc! {"_id": 3}]);
    let followed = pipeline.catch_up();
    assert!(followed.status.success(), "{}", followed.stderr);
    assert_eq!(keys(), [2, 3]);
}

#[test]
fn a_server_with_logins_behind_tls_is_copied_and_followed_and_strangers_are_told_why_not() {
    let server = start(Tls::OfServer);
    let roles = [doc! {"role": "read", "db": SCHEMA}];
    let user = doc! {"createUser": "warp", "pwd": PASSWORD[0], "roles": roles.to_vec()};
    server.run("admin", user);
    let trusting = with_ca(&server);
    for (password, options, reason) in [
        (PASSWORD[1], &format!("&tls=true{SOON}"), "invalid peer certificate"),
        ("wr0ng", &trusting, "refused the login"),
    ] {
        let pipeline = pipeline(&server, &format!("warp:{password}@"), options);
        assert_refused(&pipeline, &[reason], &["s3cret", "wr0ng"]);
    }
    let login = format!("warp:{}@", PASSWORD[1]);
    assert_copied_and_followed(&pipeline(&server, &login, &trusting), &server);
}

#[test]
fn a_user_known_by_its_certificate_copies_and_follows_and_strangers_are_told_why_not() {
    let server = start(Tls::OfBoth);
    let [user, stranger] = ["warp", "stranger"].map(|name| server.issue(name));
    let roles = [doc! {"role": "read", "db": SCHEMA}];
    server.run("$external", doc! {"createUser": &user.subject, "roles": roles.to_vec()});
    let trusting = with_ca(&server);
    let of = |of: &Identity| format!("{trusting}&tlsCertificateKeyFile={}", of.file.display());
    let by_x509 = "&authMechanism=MONGODB-X509";
    let keys = [&user, &stranger].map(key);
    for (login, options, words) in [
        // The server ends it.
        ("", trusting.clone() + SOON, ["CertificateRequired", "name the file that has one"]),
        ("", of(&user), ["wants a login", "authMechanism=MONGODB-X509"]),
        ("", of(&stranger) + by_x509, ["refused the certificate", "-nameopt RFC2253"]),
        // It does not come to that.
        ("", trusting.clone() + by_x509, ["names no tlsCertificateKeyFile", "client.pem"]),
        ("CN%3Dwarp@", of(&user) + by_x509, ["names a user", "leave the name out"]),
    ] {
        let pipeline = pipeline(&server, login, &options);
        assert_refused(&pipeline, &words, &keys.each_ref().map(String::as_str));
    }
    assert_copied_and_followed(&pipeline(&server, "", &(of(&user) + by_x509)), &server);
}

/// What nobody may read: a line of the private key.
fn key(identity: &Identity) -> String {
    let pem = std::fs::read_to_string(&identity.file).unwrap();
    let (_, key) = pem.split_once("PRIVATE KEY-----\n").unwrap();
    key.lines().next().unwrap().to_owned()
}
