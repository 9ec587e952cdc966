//! Connections that are granted.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use std::path::Path;

use cartridge_warp::plugin::{derive_grants, merge_hosts};
use serde_json::json;

use super::{Guest, authority::Authority, grant, peers, tls};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_granted_name_is_reached_by_its_virtual_address() {
    let guest = Guest::new().await;
    guest.names.set("db", &["127.0.0.1"]);
    let port = peers::serve(peers::echo).await;
    let hosts = [grant(&format!("db:{port}")), grant("other.example:1")];
    let address = format!("DB.:{port}");
    let found = guest.asks("lookup", &address, 0, &hosts).await;
    assert_eq!(found, format!("ok 198.18.0.1:{port}"));
    assert_eq!(guest.asks("lookup", "other.example:1", 0, &hosts).await, "ok 198.18.0.2:1");
    let connected = guest.asks("connect", &address, 0, &hosts).await;
    assert_eq!(connected, format!("ok 198.19.255.254 to 198.18.0.1:{port}"));
    assert_eq!(guest.asks("talk", &address, 100, &hosts).await, "ok 100 rounds");
    assert_eq!(guest.asks("tokio", &address, 0, &hosts).await, "ok true true");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_granted_address_is_reached_as_it_is() {
    let guest = Guest::new().await;
    let port = peers::serve(peers::echo).await;
    let address = format!("127.0.0.1:{port}");
    for hosts in [[grant(&address)], [grant(&format!("127.0.0.0/8:{port}"))]] {
        assert_eq!(guest.asks("talk", &address, 3, &hosts).await, "ok 3 rounds");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_data_arrives_as_it_was_sent_and_is_counted() {
    const BYTES: usize = 20_000_003;
    let guest = Guest::new().await;
    let port = peers::serve(peers::patient).await;
    let address = format!("127.0.0.1:{port}");
    let answer = guest.asks("transfer", &address, BYTES, &[grant(&address)]).await;
    assert_eq!(answer, format!("ok {BYTES} bytes"));
    let counted = guest.seen.network.lock().unwrap()[&address];
    assert_eq!(counted, (BYTES as u64, BYTES as u64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_server_is_waited_for() {
    let guest = Guest::new().await;
    let address = format!("127.0.0.1:{}", peers::serve(peers::slow).await);
    let answer = guest.asks("read", &address, 0, &[grant(&address)]).await;
    assert_eq!(answer, "ok 50 bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_answers_costs_one_call() {
    let mut guest = Guest::new().await;
    guest.call_deadline = Duration::from_secs(1);
    let address = format!("127.0.0.1:{}", peers::serve(peers::silent).await);
    let started = Instant::now();
    let answer = guest.asks("read", &address, 0, &[grant(&address)]).await;
    assert!(answer.contains("no answer within 1s"), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// What the system says of the connections to a port: of each its timer, as in `proc(5)`.
#[cfg(target_os = "linux")]
fn timers(port: u16) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let remote = format!("0100007F:{port:04X}");
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = fields.filter(|fields| fields.get(2) == Some(&remote.as_str()));
    ours.map(|fields| fields[5].to_owned()).collect()
}

/// The other end may be gone without a word: then only probes find out.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_traffic_is_probed() {
    const KEEPALIVE: &str = "02:";
    let mut guest = Guest::new().await;
    guest.call_deadline = Duration::from_secs(3);
    let port = peers::serve(peers::silent).await;
    let address = format!("127.0.0.1:{port}");
    let grants = [grant(&address)];
    let (answer, timers) = tokio::join!(guest.asks("read", &address, 0, &grants), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        timers(port)
    });
    assert!(answer.contains("no answer within 3s"), "{answer}");
    assert!(matches!(&timers[..], [timer] if timer.starts_with(KEEPALIVE)), "{timers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_said_all_still_listens() {
    let guest = Guest::new().await;
    let (heard, mut hears) = tokio::sync::mpsc::channel(1);
    let port = peers::serve(move |mut stream| {
        let heard = heard.clone();
        async move {
            tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
            let mut bytes = Vec::new();
            let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await;
            heard.send((read.is_ok(), bytes.len())).await.unwrap();
        }
    })
    .await;
    let address = format!("127.0.0.1:{port}");
    assert_eq!(guest.asks("read", &address, 0, &[grant(&address)]).await, "ok 0 bytes");
    hears.recv().await;
    let answer = guest.asks("shout", &address, 400_000, &[grant(&address)]).await;
    assert_eq!(answer, "ok 400000 bytes");
    assert_eq!(hears.recv().await, Some((true, 400_000)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_is_an_error_not_an_end() {
    let guest = Guest::new().await;
    let address = format!("127.0.0.1:{}", peers::serve(peers::cutting).await);
    let answer = guest.asks("read", &address, 0, &[grant(&address)]).await;
    assert!(!answer.starts_with("ok") && answer.contains("after 1000 bytes"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_are_tried_in_turn() {
    let guest = Guest::new().await;
    let port = peers::serve(peers::echo).await;
    // Nobody listens on the first.
    guest.names.set("db", &["127.9.9.9", "127.0.0.1"]);
    let hosts = [grant(&format!("db:{port}"))];
    assert_eq!(guest.asks("talk", &format!("db:{port}"), 1, &hosts).await, "ok 1 rounds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_arrives_although_the_guest_is_gone() {
    let guest = Guest::new().await;
    let (heard, mut hears) = tokio::sync::mpsc::channel(1);
    let port = peers::serve(move |mut stream| {
        let heard = heard.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let mut bytes = Vec::new();
            let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await;
            heard.send((read.is_ok(), bytes.len())).await.unwrap();
        }
    })
    .await;
    let address = SocketAddr::from(([127, 0, 0, 1], port)).to_string();
    let answer = guest.asks("shout", &address, 40_000, &[grant(&address)]).await;
    assert_eq!(answer, "ok 40000 bytes");
    assert_eq!(hears.recv().await, Some((true, 40_000)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_string_is_its_own_grant() {
    let guest = Guest::new().await;
    guest.names.set("db", &["127.0.0.1"]);
    guest.names.set("db.example", &["127.0.0.1"]);
    let ca = Authority::new("ours");
    let file = ca.file();
    let port = tls::asked(b"S", Some(ca.issues("db.example").acceptor())).await;
    let derive = |url: &str| {
        derive_grants(&guest.plugin.info, url, &json!({}), Path::new("/")).unwrap().hosts
    };
    let prefer = derive(&format!("x://me:pw@db:{port}/shop"));
    assert_eq!(guest.asks("talk", &format!("db:{port}"), 2, &prefer).await, "ok 2 rounds");
    let verified = format!("x://me@db.example:{port}?tls=verify-full&ca={}", file.display());
    let address = format!("db.example:{port}");
    let refused = guest.asks("talk", &address, 2, &derive(&verified)).await;
    assert!(refused.starts_with("PermissionDenied"), "{refused}");
    // The operator's word that the name is private, beside the connection string.
    let mut private = grant(&address);
    private.private = true;
    let hosts = merge_hosts(derive(&verified), vec![private]).unwrap();
    assert_eq!(guest.asks("talk", &address, 2, &hosts).await, "ok 2 rounds");
    // The name in the certificate is another one.
    let other = format!("x://me@db:{port}?tls=verify-full&ca={}", file.display());
    let refused = guest.asks("talk", &format!("db:{port}"), 2, &derive(&other)).await;
    assert!(refused.starts_with("ConnectionAborted"), "{refused}");
}
