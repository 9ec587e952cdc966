//! The connector without a host: plain Rust.

use std::time::Duration;

use cartridge_warp_sdk::{Config, Limits, Source, parse_options, testing};
use starter_source::Connector;

#[test]
fn the_last_ten_are_copied_and_every_one_follows() {
    let options = parse_options(r#"{"every_ms": 1}"#).unwrap();
    let source = Connector::connect(Config::new("", options)).unwrap();
    assert_eq!(testing::logged()[0].message, "the fortunes are open");

    // Three rows a call, so that what is read in many calls is tested too.
    let limits = Limits { rows_max: 3, ..Limits::default() };
    let mut driver = testing::Driver::new(source, "demo").limits(limits);
    assert_eq!(driver.open().unwrap(), ["fortunes"]);
    let start = driver.position().unwrap();
    std::thread::sleep(Duration::from_millis(5));
    let copied = driver.snapshot("fortunes", &start, 1).unwrap();
    let followed = driver.changes(&start).unwrap();
    driver.confirm(&followed.position).unwrap();

    let mut ids = copied.column("fortunes", "id");
    assert_eq!(ids.len(), 10);
    ids.extend(followed.column("fortunes", "id"));
    let first: u64 = ids[0].parse().unwrap();
    let all: Vec<String> = (first..first + ids.len() as u64).map(|id| id.to_string()).collect();
    assert!(ids == all && ids.len() >= 15, "none is missing and none is told twice: {ids:?}");
}

#[test]
fn options_are_checked() {
    let unknown = parse_options::<starter_source::Options>(r#"{"every": 1}"#);
    testing::assert_failure(unknown, "config", "invalid-options", &["every"]);
}
