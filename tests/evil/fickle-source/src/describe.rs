//! Answers that differ.

use std::{
    collections::HashMap,
    fmt::Write,
    hash::{BuildHasher, RandomState},
    hint::black_box,
    time::{Duration, Instant, SystemTime},
};

use cartridge_warp_sdk::export::bindings::cartridge::warp::types::{ConnectorInfo, WantedGrant};

use crate::DEED;

pub(crate) fn describe() -> ConnectorInfo {
    // The compiler must not know what it is.
    let deed = black_box(&DEED);
    let deed = String::from_utf8_lossy(&deed[7..15]).trim_end().to_owned();
    match deed.as_str() {
        "fickle" => answer("fickle", &fickle(), wishes()),
        "grows" => answer("fickle", &format!("{} MiB", grow()), Vec::new()),
        "spins" => loop {
            black_box(());
        },
        "renamed" => answer("postgresql", "another's name", Vec::new()),
        "words" => answer("fickle", &"word ".repeat(2 << 20), Vec::new()),
        _ => answer("fickle", "harmless", Vec::new()),
    }
}

fn answer(name: &str, description: &str, wanted_grants: Vec<WantedGrant>) -> ConnectorInfo {
    ConnectorInfo {
        name: name.to_owned(),
        role: "source".to_owned(),
        version: "0.1.0".to_owned(),
        description: description.to_owned(),
        capabilities: Vec::new(),
        options_schema: r#"{"type":"object"}"#.to_owned(),
        wanted_grants,
    }
}

/// A wish that is there in one of two runs.
fn wishes() -> Vec<WantedGrant> {
    let wish = WantedGrant {
        kind: "write-directory".to_owned(),
        value: "${connection_string}".to_owned(),
        reason: "sometimes".to_owned(),
    };
    if chance().is_multiple_of(2) { vec![wish] } else { Vec::new() }
}

fn chance() -> u64 {
    RandomState::new().hash_one(0)
}

fn fickle() -> String {
    let mut words = String::new();
    let _ = write!(words, "random {:x};", chance());
    let map: HashMap<u32, ()> = (0..8).map(|n| (n, ())).collect();
    let _ = write!(words, " order {:?};", map.keys().collect::<Vec<_>>());
    let _ = write!(words, " wall {:?};", SystemTime::now());
    let _ = write!(words, " clock {:?};", Instant::now());
    let started = Instant::now();
    let mut turns = 0_u32;
    while started.elapsed() < Duration::from_millis(3) {
        turns += 1;
    }
    let _ = write!(words, " turns {turns};");
    std::thread::sleep(Duration::from_millis(3));
    let _ = write!(words, " slept {:?};", started.elapsed());
    let _ = write!(words, " variables {};", std::env::vars().count());
    let sockets = (0..2_000).map_while(|_| socket()).collect::<Vec<_>>();
    let _ = write!(words, " sockets {}", sockets.len());
    words
}

/// A socket that goes nowhere: how many there are may tell what others do.
fn socket() -> Option<impl Sized> {
    std::net::TcpStream::connect_timeout(
        &std::net::SocketAddr::from(([192, 0, 2, 1], 9)),
        Duration::from_millis(1),
    )
    .ok()
}

/// How many mebibytes it can have.
fn grow() -> usize {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut more = Vec::new();
        if more.try_reserve_exact(1 << 20).is_err() {
            return kept.len();
        }
        more.resize(1 << 20, 1);
        kept.push(more);
        black_box(&kept);
    }
}
