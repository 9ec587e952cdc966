//! What a guest says is without secrets, floods and what nobody sees, and its neighbour goes on.

use std::sync::Arc;

use cartridge_warp::{
    model::{Position, text::is_hidden},
    plugin::{Cause, SourceConnection},
};

use crate::setup::{self, Seen, limits};

const CONNECTION: &str = "evil://me:hunter22+se/same@nowhere.example:5432/db?token=tok-en-4711";
/// Each way in which the deed writes the password, the token, or both.
const WRITINGS: [&str; 8] = [
    "hunter22+se/same",
    "tok-en-4711",
    "hunter22%2Bse%2Fsame",
    "HVudGVyMjIrc2Uvc2FtZ",
    "h1bnRlcjIyK3NlL3NhbW",
    "odW50ZXIyMitzZS9zYW1l",
    "68756e74657232322b73652f73616d65",
    "104, 117, 110, 116, 101, 114",
];

async fn rows(source: &SourceConnection) -> usize {
    let batch = source.get_changes("shop", &Position(Vec::new()), limits()).await.unwrap();
    batch.tables.iter().map(|table| table.row_count()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_repeats_no_secret_however_it_is_written() {
    let seen = Arc::new(Seen::default());
    let plugin = setup::plugin(&seen).await;
    let neighbour = setup::open(&plugin, "nothing").await.unwrap();
    let mut settings = setup::settings("tell-secret");
    settings.connection_string = CONNECTION.to_owned();
    let source = SourceConnection::open(&plugin, settings).await.unwrap();
    let failed = source.get_changes("shop", &Position(Vec::new()), limits()).await;
    let Cause::Failure(failure) = failed.unwrap_err().cause else { panic!("another cause") };
    assert!(failure.message.starts_with("nowhere to go: *** and"), "{}", failure.message);
    let words = format!("{failure:?}");
    for writing in WRITINGS {
        assert!(!words.contains(writing), "{writing} is in {words}");
    }
    assert_eq!(rows(&neighbour).await, 3);
}

#[tokio::test]
async fn what_nobody_sees_is_written_out_in_a_failure() {
    let plugin = setup::plugin(&Arc::default()).await;
    let source = setup::open(&plugin, "hidden-words").await.unwrap();
    let failed = source.get_changes("shop", &Position(Vec::new()), limits()).await;
    let Cause::Failure(failure) = failed.unwrap_err().cause else { panic!("another cause") };
    assert!(failure.message.contains("\\u{202e}"), "{}", failure.message);
    let hidden = |c: char| is_hidden(c) && c != '\n';
    assert!(!failure.message.contains(hidden), "{}", failure.message.escape_debug());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_of_a_plugin_share_its_log_rate() {
    let seen = Arc::new(Seen::default());
    let plugin = setup::plugin(&seen).await;
    // Each instance writes 15 lines; one a second is let through.
    for _ in 0..10 {
        let mut settings = setup::settings("long-lines");
        settings.limits.log_lines_per_second = 1;
        let source = SourceConnection::open(&plugin, settings).await.unwrap();
        assert_eq!(rows(&source).await, 3);
        source.close().await;
    }
    drop(plugin);
    let told = || *seen.suppressed.lock().unwrap();
    let patience = std::time::Instant::now();
    while told() < 100 && patience.elapsed().as_secs() < 60 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!((100..150).contains(&told()), "{}", told());
}
