//! The connector without a host: plain Rust.

use cartridge_warp_sdk::{Config, Source, parse_options, testing::Driver};
use fortunes_source::Fortunes;

#[test]
fn tells_the_last_ten_and_then_every_one() {
    let options = parse_options(r#"{"every_ms": 1}"#).unwrap();
    let source = Fortunes::connect(Config::new("", options)).unwrap();
    let mut driver = Driver::new(source, "fun");
    let start = driver.position().unwrap();
    assert_eq!(driver.snapshot("fortunes", &start, 1).unwrap().rows(), 10);
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert!(driver.changes(&start).unwrap().rows() >= 5);
}
