//! Connections that are not, and what the operator is told.

use cartridge_warp::plugin::{Cause, HostGrant};
use miette::Diagnostic;
use serde_json::json;

use super::{Guest, grant, peers};

/// The failure's detail, which carries the host's reason.
async fn reason(guest: &Guest, deed: &str, address: &str, hosts: &[HostGrant]) -> String {
    let options = json!({"deed": deed, "address": address, "fail": true});
    let error = guest.tries(options, hosts).await.unwrap_err();
    let Cause::Failure(failure) = &error.cause else { panic!("{error}") };
    assert!(!failure.message.starts_with("ok"), "{deed} {address}: {}", failure.message);
    Diagnostic::help(&error).map_or_else(String::new, |help| help.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_granted_is_denied_with_the_key_that_would_grant_it() {
    let guest = Guest::new().await;
    guest.names.set("db.example", &["127.0.0.1"]);
    let port = peers::serve(peers::echo).await;
    let hosts = [grant("db.example:1"), grant("10.0.0.1:2")];
    let loopback = format!("127.0.0.1:{port}");
    let cases = [
        ("lookup", "evil.example:80", "add `evil.example:PORT` to `source.grants.hosts`"),
        ("lookup", "localhost:80", "add `localhost:PORT` to `source.grants.hosts`"),
        ("connect", &loopback, "127.0.0.1 is not granted to it; to allow it, add `127.0.0.1:"),
        ("connect", "10.0.0.2:2", "add `10.0.0.2:2` to `source.grants.hosts`"),
        ("connect", "[::1]:5", "add `[::1]:5` to `source.grants.hosts`"),
        ("connect", "198.18.0.9:1", "198.18.0.9 is not granted"),
        ("connect", "169.254.169.254:80", "169.254.169.254 is not granted"),
        ("connect", "db.example:2", "of db.example only port 1 is granted to it, not 2"),
        ("connect", "10.0.0.1:3", "of 10.0.0.1 only port 2 is granted to it, not 3"),
        ("bind", "127.0.0.1:0", "connectors are clients only"),
        ("bind", "0.0.0.0:8080", "connectors are clients only"),
        ("udp", "127.0.0.1:0", "connectors speak TCP only"),
    ];
    for (deed, address, expected) in cases {
        let reason = reason(&guest, deed, address, &hosts).await;
        assert!(reason.contains(expected), "{deed} {address}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_judged_by_where_it_leads_each_time() {
    let guest = Guest::new().await;
    let port = peers::serve(peers::echo).await;
    let public = format!("db.example.com:{port}");
    let hosts = [grant(&public)];
    // Rebinding: a public address first, then the machine itself.
    for (addresses, expected) in [
        (
            ["127.0.0.1"],
            "this machine itself; if that is meant, add `{host: db.example.com, port: ",
        ),
        (["10.1.2.3"], "10.1.2.3, a private address; if that is meant, add `{host: db.example.com"),
        (["192.168.0.1"], "private: true}` to `source.grants.hosts`"),
        (["fd00::1"], "fd00::1, a private address"),
        (["::ffff:127.0.0.1"], "this machine itself"),
        (["169.254.169.254"], "no name may stand for; if that is meant, add `169.254.169.254:"),
        (["0.0.0.0"], "no name may stand for"),
    ] {
        guest.names.set("db.example.com", &addresses);
        let reason = reason(&guest, "connect", &public, &hosts).await;
        assert!(reason.contains(expected), "{addresses:?}: {reason}");
    }
    guest.names.set("db.example.com", &["127.0.0.1"]);
    let private = [HostGrant { private: true, ..grant(&public) }];
    assert_eq!(guest.asks("talk", &public, 1, &private).await, "ok 1 rounds");
    let explicit = [grant(&public), grant(&format!("127.0.0.0/8:{port}"))];
    assert_eq!(guest.asks("talk", &public, 1, &explicit).await, "ok 1 rounds");
    // Of several addresses only those that may be are dialled.
    guest.names.set("db", &["169.254.169.254", "127.0.0.1"]);
    let short = [grant(&format!("db:{port}"))];
    assert_eq!(guest.asks("talk", &format!("db:{port}"), 1, &short).await, "ok 1 rounds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_of_the_network_have_their_reasons() {
    let guest = Guest::new().await;
    guest.names.set("down", &["127.0.0.1"]);
    guest.names.set("empty", &[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let cases = [
        ("gone", "`gone` can't be looked up: no such name"),
        ("empty", "`empty` has no address"),
        ("down", "does not answer: Connection refused"),
    ];
    for (name, expected) in cases {
        let address = format!("{name}:{port}");
        let reason = reason(&guest, "connect", &address, &[grant(&address)]).await;
        assert!(reason.contains(expected), "{name}: {reason}");
    }
    let address = format!("127.0.0.1:{}", peers::serve(peers::cutting).await);
    let reason = reason(&guest, "read", &address, &[grant(&address)]).await;
    assert!(reason.contains("broke: Connection reset"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_sockets_are_bounded() {
    let guest = Guest::new().await;
    let address = format!("127.0.0.1:{}", peers::serve(peers::silent).await);
    let answer = guest.asks("many", &address, 0, &[grant(&address)]).await;
    assert!(answer.starts_with("ok 128 open, then"), "{answer}");
    // Closed ones do not count.
    let address = format!("127.0.0.1:{}", peers::serve(peers::echo).await);
    let answer = guest.asks("churn", &address, 300, &[grant(&address)]).await;
    assert_eq!(answer, "ok 300 connections");
}
