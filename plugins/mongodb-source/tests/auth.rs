//! A server that wants logins: who gets in, and what is said to those who do not.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::sync::OnceLock;
use std::time::Duration;

use cartridge_warp_sdk::{Failure, Limits, Source};
use cartridge_warp_test_mongodb::bson::{Bson, doc};
use cartridge_warp_test_mongodb::{Server, Settings};
use mongodb_source::MongodbSource;
use support::{Database, assert_failure, follow, limits};

const PASSWORD: &str = "s3cret/of:the@user?";
const SHA_1: &str = "SCRAM-SHA-1";
const SHA_256: &str = "SCRAM-SHA-256";

/// The shared server; it stays until the process ends.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| start(Settings::default()))
}

fn start(settings: Settings) -> Server {
    Server::start(Settings { authorization: true, ..settings })
}

/// Makes a user of the database `admin` with the role `read` on these databases.
fn user(server: &Server, name: &str, password: &str, mechanism: &str, reads: &[&str]) {
    let roles = reads.iter().map(|reads| Bson::Document(doc! { "role": "read", "db": *reads }));
    let roles: Vec<Bson> = roles.collect();
    let mechanisms = [mechanism];
    server.run(
        "admin",
        doc! { "createUser": name, "pwd": password, "roles": roles, "mechanisms": mechanisms },
    );
}

/// A database as this user sees it.
fn database(server: &Server, name: &str, user: &str, password: &str, options: &str) -> Database {
    let login = format!("mongodb://{}:{}@", encoded(user), encoded(password));
    let url = server.url(name).replacen("mongodb://", &login, 1);
    Database::at(name, format!("{url}{options}"))
}

/// As URLs have it: every byte that is no letter or digit by its number.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Opens a source as the host does, up to the collections.
fn open(database: &Database) -> Result<MongodbSource, Failure> {
    let mut source = database.connect()?;
    source.test_connection()?;
    source.get_schema(&database.name)?;
    Ok(source)
}

/// The user copies the collection `t` of an own database and follows it.
fn assert_reads(database: &Database) {
    let name = &database.name;
    server().insert(name, "t", &[doc! { "_id": 1 }, doc! { "_id": 2 }]);
    open(database).unwrap();
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    assert_eq!(driver.snapshot("t", &start, 2).unwrap().column("t", "_id"), ["1", "2"]);
    server().insert(name, "t", &[doc! { "_id": 3 }]);
    let delete = doc! { "delete": "t", "deletes": [{ "q": { "_id": 1 }, "limit": 1 }] };
    server().run(name, delete);
    assert_eq!(follow(&mut driver, &start).column("t", "_id"), ["3", "delete 1"]);
}

/// The number of rows in the next batch that has any.
fn rows(source: &mut MongodbSource, position: &mut Vec<u8>) -> usize {
    loop {
        let batch = source.get_changes("shop", position, limits(10)).unwrap();
        *position = batch.position;
        match batch.tables.iter().map(|rows| rows.len()).sum() {
            0 => {}
            rows => return rows,
        }
    }
}

#[test]
fn users_with_the_role_read_copy_and_follow() {
    for (name, mechanism) in [("by_sha_256", SHA_256), ("by_sha_1", SHA_1)] {
        user(server(), name, PASSWORD, mechanism, &[name]);
        assert_reads(&database(server(), name, name, PASSWORD, "&authSource=admin"));
        // The mechanism is agreed on, or the operator names it.
        let named = format!("&authSource=admin&authMechanism={mechanism}");
        open(&database(server(), name, name, PASSWORD, &named)).unwrap();
    }
}

#[test]
fn names_and_passwords_have_any_characters() {
    let name = "any=name a@b:c/d?e#f%25[ü]&";
    for (number, mechanism) in [SHA_256, SHA_1].into_iter().enumerate() {
        let (of, name) = (format!("any_{number}"), format!("{name}{number}"));
        let password = "p@ss:w/rd?#[]%41 &=+ü€ ";
        user(server(), &name, password, mechanism, &[&of]);
        let database = database(server(), &of, &name, password, "&authSource=admin");
        assert!(database.url.contains("%40") && !database.url.contains("p@ss"));
        assert_reads(&database);
    }
}

#[test]
fn without_auth_source_the_user_is_one_of_the_database() {
    let roles = ["read"];
    server().run("own", doc! { "createUser": "own", "pwd": PASSWORD, "roles": roles });
    assert_reads(&database(server(), "own", "own", PASSWORD, ""));
}

#[test]
fn who_does_not_get_in_is_told_why_and_no_password() {
    user(server(), "known", PASSWORD, SHA_256, &["shop"]);
    let of_admin = "&authSource=admin";
    let by_sha_1 = "&authSource=admin&authMechanism=SCRAM-SHA-1";
    for (name, password, options) in [
        ("known", "wr0ng/password", of_admin),
        ("known", "", of_admin),
        ("unknown", PASSWORD, of_admin),
        // Known elsewhere, and by another mechanism.
        ("known", PASSWORD, ""),
        ("known", PASSWORD, by_sha_1),
    ] {
        let database = database(server(), "shop", name, password, options);
        let failure = database.connect().err().expect("it should not get in");
        for part in ["s3cret", "wr0ng", &encoded("wr0ng/password")] {
            assert!(!format!("{failure:?}").contains(part), "{failure:?}");
        }
        let words = ["127.0.0.1", "refused the login", "authSource"];
        assert_failure(Err::<(), _>(failure), "config", "authentication", &words);
    }
    let nobody = Database::at("shop", server().url("shop"));
    let words = ["127.0.0.1", "wants a login", "has none", "mongodb://user:password@"];
    let tested = nobody.connect().and_then(|mut source| source.test_connection());
    assert_failure(tested, "config", "authentication", &words);
    let listed = nobody.connect().and_then(|mut source| source.get_schema("shop"));
    assert_failure(listed, "config", "authentication", &words);
}

#[test]
fn a_user_without_the_right_is_told_which_one() {
    server().insert("rights", "t", &[doc! { "_id": 1 }]);
    user(server(), "no_rights", PASSWORD, SHA_256, &[]);
    user(server(), "other_rights", PASSWORD, SHA_256, &["elsewhere"]);
    for name in ["no_rights", "other_rights"] {
        let database = database(server(), "rights", name, PASSWORD, "&authSource=admin");
        // The login itself is good.
        database.connect().unwrap().test_connection().unwrap();
        let failure = open(&database).err().expect("it should have no right");
        let detail = failure.detail.clone().unwrap();
        assert!(detail.contains("aggregate") && !detail.contains("$db"), "{detail}");
        let words = ["`read`", "grantRolesToUser"];
        assert_failure(Err::<(), _>(failure), "config", "permission", &words);
    }
}

#[test]
fn a_right_that_is_withdrawn_ends_the_stream() {
    server().insert("withdrawn", "t", &[doc! { "_id": 1 }]);
    user(server(), "withdrawn", PASSWORD, SHA_256, &["withdrawn"]);
    let database = database(server(), "withdrawn", "withdrawn", PASSWORD, "&authSource=admin");
    let mut source = database.source();
    let start = source.current_position("withdrawn").unwrap();
    let roles = [doc! { "role": "read", "db": "withdrawn" }];
    server().run("admin", doc! { "revokeRolesFromUser": "withdrawn", "roles": roles.to_vec() });
    // A new connection: an open cursor may live on.
    let read = database
        .connect()
        .and_then(|mut source| source.get_changes("withdrawn", &start, limits(10)).map(drop));
    assert_failure(read, "config", "permission", &["`read`"]);
}

#[test]
fn a_server_that_restarts_is_logged_in_to_again_while_the_password_is_right() {
    let mut server = start(Settings::default());
    server.insert("shop", "t", &[doc! { "_id": 1 }]);
    user(&server, "warp", PASSWORD, SHA_256, &["shop"]);
    let database = database(&server, "shop", "warp", PASSWORD, "&authSource=admin");
    let mut source = database.source();
    let mut position = source.current_position("shop").unwrap();
    server.insert("shop", "t", &[doc! { "_id": 0 }]);
    assert_eq!(rows(&mut source, &mut position), 1);
    server.restart();
    server.insert("shop", "t", &[doc! { "_id": 2 }]);
    assert_eq!(rows(&mut source, &mut position), 1);
    server.run("admin", doc! { "updateUser": "warp", "pwd": "another" });
    server.restart();
    let wait = Duration::from_millis(100);
    let mut calls = (0..5)
        .map(|_| source.get_changes("shop", &position, Limits { wait, ..limits(10) }).map(drop));
    let refused = calls.find(Result::is_err).expect("the old password is still good");
    assert_failure(refused, "config", "authentication", &["refused the login"]);
}

#[test]
fn lost_history_is_said_without_the_right_to_see_the_log() {
    let server = start(Settings { oplog_entries_max: 1000, ..Settings::default() });
    server.insert("shop", "t", &[doc! { "_id": 0 }]);
    user(&server, "warp", PASSWORD, SHA_256, &["shop"]);
    let database = database(&server, "shop", "warp", PASSWORD, "&authSource=admin");
    let start = database.source().current_position("shop").unwrap();
    let log = database.source().backlog("shop", Some(&start)).unwrap().unwrap();
    assert!(log.left_us.is_none() && log.words.contains("role read"), "{log:?}");
    server.insert("shop", "t", &[doc! { "_id": 1 }]);
    // A server may forget later than it says so.
    let result = (0..5).map(|_| {
        server.forget_history();
        database.source().get_changes("shop", &start, limits(10))
    });
    let lost = result.into_iter().find(Result::is_err).expect("the server never forgets");
    assert_failure(lost, "resync", "history-lost", &["no longer has the log", "--full-resync"]);
}
