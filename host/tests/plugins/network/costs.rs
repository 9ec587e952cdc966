//! What a hostile guest makes the host hold is bounded, also after it let go of it (I7).

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use cartridge_warp::plugin::{Bounds, Cause, Resource};
use serde_json::json;

use super::{Guest, SILENT, grant, peers};

/// What the system calls the threads of look-ups.
const LOOKUP: &str = "plugin-lookup";

/// Threads of this process with that name.
fn threads(name: &str) -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|found| found.trim_end() == name).count()
}

fn used(guest: &Guest, resource: Resource) -> u64 {
    let usage = guest.engine.ledger().usage();
    let ours = usage.iter().filter(|usage| usage.plugin.is_none() && usage.resource == resource);
    ours.map(|usage| usage.used).sum()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_dials_to_a_silent_name_server_keep_few_threads_and_no_neighbour() {
    let guest = Guest::new().await;
    guest.names.set("db", &["127.0.0.1"]);
    let port = peers::serve(peers::echo).await;
    let mut hosts: Vec<_> = (0..10).map(|n| grant(&format!("{SILENT}{n}:1"))).collect();
    hosts.push(grant(&format!("db:{port}")));
    let silent: Vec<_> = hosts[..10].iter().map(ToString::to_string).collect();
    let answer = guest.asks("dials", &silent.join(","), 500, &hosts).await;
    assert_eq!(answer, "ok 500 given up");
    // Other tests look names up as well, but no more than a few at a time.
    let found = threads(LOOKUP);
    assert!((10..30).contains(&found), "{found} threads for ten names");
    // Nobody waits for them, and they still cost. The guest's own thread may take a moment to end.
    let only_they = async {
        while used(&guest, Resource::Threads) != 10 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), only_they).await.unwrap();
    let neighbour = guest.asks("talk", &format!("db:{port}"), 3, &hosts).await;
    assert_eq!(neighbour, "ok 3 rounds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_sockets_count_until_the_system_has_them_back() {
    let guest = Guest::new().await;
    let address = format!("127.0.0.1:{}", peers::deaf());
    let hosts = [grant(&address)];
    let most = AtomicU64::new(0);
    let watched = async {
        loop {
            most.fetch_max(used(&guest, Resource::Descriptors), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // Many more than may be open: those that close make room for others, in time.
    let answer = tokio::select! {
        answer = guest.asks("pile", &address, 400, &hosts) => answer,
        () = watched => String::new(),
    };
    assert!(answer.starts_with("ok "), "{answer}");
    assert!((1..=128).contains(&most.load(Ordering::Relaxed)), "no more than may be open");
    assert!(used(&guest, Resource::Descriptors) > 0, "the guest is gone, its sockets are not");
    // And they are given back.
    let given_back = async {
        while used(&guest, Resource::Descriptors) > 0 || used(&guest, Resource::Memory) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), given_back).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugins_descriptors_are_bounded_by_the_key_that_is_named() {
    let mut guest = Guest::new().await;
    guest.bounds = Bounds { descriptors_max: 20, ..Bounds::UNBOUNDED };
    let address = format!("127.0.0.1:{}", peers::deaf());
    let hosts = [grant(&address)];
    let options = json!({"deed": "pile", "address": address, "bytes": 2000, "fail": true});
    let error = guest.tries(options, &hosts).await.unwrap_err();
    let Cause::Failure(failure) = &error.cause else { panic!("{error}") };
    // One that the system had back in the meantime makes room for another.
    let closed =
        failure.message.strip_prefix("ok ").and_then(|rest| rest.split_once(" closed, then"));
    let closed: u32 = closed.and_then(|(count, _)| count.parse().ok()).unwrap_or_default();
    assert!((20..100).contains(&closed), "{}", failure.message);
    let detail = failure.detail.as_deref().unwrap_or_default();
    assert!(detail.contains("reach `source.limits.descriptors` (20)"), "{detail}");
}
