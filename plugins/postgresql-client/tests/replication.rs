//! The replication protocol with a real server: logins, commands, the stream and its end.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Action, Failure};
use cartridge_warp_test_postgresql::Cluster;
use postgresql_client::Settings;
use postgresql_client::replication::{Event, Replication};

const LOGICAL: [(&str, &str); 1] = [("wal_level", "logical")];
const START: &str =
    "START_REPLICATION SLOT s LOGICAL 0/0 (proto_version '1', publication_names 'p')";

fn open(url: &str) -> Result<Replication, Failure> {
    Replication::open(&Settings::parse(url)?, &[("datestyle", "ISO, YMD")])
}

/// A server with a table, a publication and a slot.
fn cluster() -> Cluster {
    let cluster = Cluster::start(&LOGICAL);
    cluster.sql(
        "postgres",
        "CREATE TABLE t (id int PRIMARY KEY, filler text); CREATE PUBLICATION p FOR TABLE t",
    );
    cluster.sql("postgres", "SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
    cluster
}

/// Kinds of the plugin's messages until there are so many of one.
fn receive(stream: &mut Replication, kind: u8, count: usize) -> Vec<u8> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut kinds = Vec::new();
    while kinds.iter().filter(|one| **one == kind).count() < count {
        assert!(Instant::now() < deadline, "{kinds:?}");
        let events = stream.receive(Duration::from_millis(200), 10, 1 << 20).unwrap();
        assert!(events.len() <= 10);
        kinds.extend(events.into_iter().filter_map(|event| match event {
            Event::Data(message) | Event::Cut(message, _) => message.first().copied(),
            Event::Alive { .. } => None,
        }));
    }
    kinds
}

/// Answers as a source does until the stream breaks.
fn follow_to_the_end(stream: &mut Replication) -> Failure {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        assert!(Instant::now() < deadline);
        let events = match stream.receive(Duration::from_millis(100), 10, 1 << 20) {
            Ok(events) => events,
            Err(failure) => return failure,
        };
        for event in events {
            if let Event::Alive { reached, .. } = event
                && let Err(failure) = stream.acknowledge(reached, false)
            {
                return failure;
            }
        }
    }
}

#[test]
fn each_login_of_the_driver_works_and_refusals_are_explained() {
    let cluster = Cluster::start(&LOGICAL);
    let mut hba = String::new();
    for (method, encryption) in
        [("scram-sha-256", "scram-sha-256"), ("md5", "md5"), ("password", "scram-sha-256")]
    {
        let role = format!("by_{}", method.replace('-', "_"));
        cluster.sql(
            "postgres",
            &format!(
                "SET password_encryption = '{encryption}'; \
                 CREATE ROLE {role} LOGIN REPLICATION PASSWORD 's3cret wörd'"
            ),
        );
        hba += &format!("host all {role} 127.0.0.1/32 {method}\n");
    }
    cluster.sql("postgres", "CREATE ROLE by_ident LOGIN REPLICATION; CREATE ROLE plain LOGIN");
    hba += "host all by_ident 127.0.0.1/32 gss\nhost all all 127.0.0.1/32 trust\n";
    fs::write(cluster.directory().join("data/pg_hba.conf"), hba).unwrap();
    cluster.sql("postgres", "SELECT pg_reload_conf()");
    let url = |user: &str| cluster.url("postgres").replace("postgres@", &format!("{user}@"));
    // The server reads its file anew a moment later.
    let deadline = Instant::now() + Duration::from_secs(10);
    while open(&url("by_md5")).is_ok() {
        assert!(Instant::now() < deadline);
    }
    for role in ["by_scram_sha_256", "by_md5", "by_password"] {
        let mut opened = open(&url(&format!("{role}:s3cret%20w%C3%B6rd"))).unwrap();
        let rows = opened.rows("IDENTIFY_SYSTEM").unwrap();
        assert_eq!(rows[0][3].as_deref(), Some("postgres"), "{role}");
        for wrong in [format!("{role}:s3cret"), role.to_owned()] {
            let failure = open(&url(&wrong)).err().unwrap();
            assert_eq!((failure.action, failure.code.as_str()), (Action::Config, "authentication"));
            assert!(failure.message.contains("127.0.0.1"), "{failure}");
            assert!(!format!("{failure:?}").contains("s3cret"), "{failure:?}");
        }
    }
    let failure = open(&url("by_ident")).err().unwrap();
    assert_eq!((failure.action, failure.code.as_str()), (Action::Config, "authentication"));
    let failure = open(&url("plain")).err().unwrap();
    assert_eq!((failure.action, failure.code.as_str()), (Action::Config, "permission"));
    let failure = open(&url("postgres").replace("/postgres?", "/missing?")).err().unwrap();
    assert_eq!((failure.action, failure.code.as_str()), (Action::Config, "no-database"));
}

#[test]
fn commands_answer_and_a_refused_one_leaves_the_connection_usable() {
    let cluster = cluster();
    let mut connection = open(&cluster.url("postgres")).unwrap();
    assert_eq!(connection.rows("SHOW datestyle").unwrap(), [[Some("ISO, YMD".to_owned())]]);
    for refused in ["SELEC", "START_REPLICATION SLOT missing LOGICAL 0/0"] {
        let failure = connection.rows(refused).unwrap_err();
        assert_eq!(failure.action, Action::Config, "{failure:?}");
        assert!(failure.message.contains("SQLSTATE"), "{failure}");
    }
    let failure = connection.start(&START.replace(" s ", " missing ")).unwrap_err();
    assert!(failure.detail.unwrap().contains("does not exist"));
    assert_eq!(connection.rows("SELECT 1").unwrap(), [[Some("1".to_owned())]]);
    connection.start(START).unwrap();
    // A second reader of the slot is refused while the first has it.
    let mut second = open(&cluster.url("postgres")).unwrap();
    assert!(second.start(START).unwrap_err().detail.unwrap().contains("is active for PID"));
    drop(connection);
    let deadline = Instant::now() + Duration::from_secs(10);
    while second.start(START).is_err() {
        assert!(Instant::now() < deadline, "the slot is still held");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_stream_is_bounded_answers_and_ends_with_a_reason() {
    let mut cluster = cluster();
    let mut stream = open(&cluster.url("postgres")).unwrap();
    stream.start(START).unwrap();
    cluster.sql(
        "postgres",
        "INSERT INTO t SELECT n, repeat('x', 2000) FROM generate_series(1, 3000) n; \
         INSERT INTO t VALUES (0, repeat('y', 5000000))",
    );
    let kinds = receive(&mut stream, b'C', 2);
    assert_eq!(kinds.iter().filter(|kind| **kind == b'I').count(), 3001);
    // Asked, it says how far it is; told, it forgets.
    let end = cluster.sql("postgres", "SELECT (pg_current_wal_lsn() - '0/0')::bigint");
    let end: u64 = end[0].parse().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        stream.acknowledge(end - 1000, true).unwrap();
        let events = stream.receive(Duration::from_secs(1), 10, 1 << 20).unwrap();
        if events
            .iter()
            .any(|event| matches!(event, Event::Alive { reached, .. } if *reached >= end))
        {
            break;
        }
        assert!(Instant::now() < deadline);
    }
    let confirmed = "SELECT (confirmed_flush_lsn - '0/0')::bigint FROM pg_replication_slots";
    assert_eq!(cluster.sql("postgres", confirmed), [(end - 1000).to_string()]);
    let begun = Instant::now();
    assert_eq!(stream.receive(Duration::ZERO, 10, 1).unwrap(), []);
    assert!(begun.elapsed() < Duration::from_millis(500));

    cluster.sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
    let failure = stream.receive(Duration::from_secs(10), 10, 1 << 20).unwrap_err();
    assert_eq!(failure.action, Action::Reconnect, "{failure:?}");
    assert!(failure.message.contains("57P01"), "{failure:?}");
    // An orderly server waits until it is told that all has arrived, and then says goodbye.
    for _ in 0..3 {
        let mut stream = open(&cluster.url("postgres")).unwrap();
        stream.start(START).unwrap();
        let failure = thread::scope(|scope| {
            scope.spawn(|| cluster.restart());
            follow_to_the_end(&mut stream)
        });
        assert_eq!(failure.action, Action::Reconnect, "{failure:?}");
    }
    let mut stream = open(&cluster.url("postgres")).unwrap();
    stream.start(START).unwrap();
    cluster.kill();
    let failure = follow_to_the_end(&mut stream);
    assert_eq!((failure.action, failure.code.as_str()), (Action::Reconnect, "connection-lost"));
    let failure = open(&cluster.url("postgres")).err().unwrap();
    assert_eq!((failure.action, failure.code.as_str()), (Action::Reconnect, "unreachable"));
}
