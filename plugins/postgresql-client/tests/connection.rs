//! Connections to a real server, and what their end looks like.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

use cartridge_warp_sdk::Action;
use cartridge_warp_test_postgresql::Cluster;
use postgresql_client::{Connection, Settings};

fn open(url: &str) -> Result<Connection, cartridge_warp_sdk::Failure> {
    Connection::open(&Settings::parse(url)?)
}

fn one(connection: &Connection) -> Result<i32, cartridge_warp_sdk::Failure> {
    let row = connection.run(|client| client.query_one("SELECT 1", &[]))?;
    Ok(row.get(0))
}

#[test]
fn a_connection_survives_what_it_can_and_says_why_it_ended() {
    let mut cluster = Cluster::start(&[]);
    let url = cluster.url("postgres");
    let connection = open(&url).unwrap();
    assert_eq!(one(&connection).unwrap(), 1);
    let name = connection.run(|client| client.query_one("SHOW application_name", &[])).unwrap();
    assert_eq!(name.get::<_, &str>(0), "cartridge-warp");

    for (sql, action, code) in [
        ("SELECT 1 FROM missing", Action::Config, "undefined"),
        ("SELECT missing FROM pg_class", Action::Config, "undefined"),
        ("SELECT 1 +", Action::Config, "refused-statement"),
        ("SELECT 'secret'::int", Action::Stop, "no-such-value"),
        ("DO $$BEGIN RAISE EXCEPTION 'secret'; END$$", Action::Stop, "postgresql"),
        ("DO $$BEGIN RAISE SQLSTATE '40001'; END$$", Action::Retry, "conflict"),
        ("DO $$BEGIN RAISE SQLSTATE '53100'; END$$", Action::Retry, "server-resources"),
        ("SET statement_timeout = 1; SELECT pg_sleep(9)", Action::Retry, "cancelled"),
    ] {
        let failure = connection.run(|client| client.batch_execute(sql)).unwrap_err();
        assert_eq!((failure.action, failure.code.as_str()), (action, code), "{sql}: {failure:?}");
        assert!(failure.message.contains("SQLSTATE"), "{failure}");
        assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
    }

    cluster.stop();
    let failure = one(&connection).unwrap_err();
    assert_eq!((failure.action, failure.code.as_str()), (Action::Reconnect, "connection-lost"));
    assert!(failure.message.contains("57P01"), "{failure:?}");
    assert!(connection.is_closed());
    let failure = open(&url).err().unwrap();
    assert_eq!((failure.action, failure.code.as_str()), (Action::Reconnect, "unreachable"));
    cluster.resume();
    assert_eq!(one(&open(&url).unwrap()).unwrap(), 1);

    let connection = open(&url).unwrap();
    cluster.kill();
    assert_eq!(one(&connection).unwrap_err().action, Action::Reconnect);
    cluster.resume();
    one(&open(&url).unwrap()).unwrap();
}

#[test]
fn the_first_server_that_fits_is_taken_and_logins_are_explained() {
    let cluster = Cluster::start(&[("default_transaction_read_only", "on")]);
    let port = cluster.port();
    let url =
        |user: &str, rest: &str| format!("postgresql://{user}@127.0.0.1:1,127.0.0.1:{port}/{rest}");
    one(&open(&url("postgres", "postgres")).unwrap()).unwrap();
    for (user, rest, action, code) in [
        ("postgres", "missing", Action::Config, "no-database"),
        ("nobody", "postgres", Action::Config, "authentication"),
        ("postgres", "postgres?target_session_attrs=read-write", Action::Reconnect, "wrong-server"),
    ] {
        let failure = open(&url(user, rest)).err().unwrap();
        assert_eq!((failure.action, failure.code.as_str()), (action, code), "{failure:?}");
        assert!(failure.message.contains(&port.to_string()), "{failure}");
    }
}
