//! Drivers that do not do their work: the connector is not blamed for it.

use cartridge_warp_tests::Product;
use serde_json::json;

use super::Bench;

/// The run ends with these words, which name the driver, and no verdict.
#[track_caller]
fn assert_blamed(driver: &[&str], words: &str) {
    let component = Product::find().plugins.join("sqlite-destination.wasm");
    let mut bench = Bench::new("destination", "sqlite", &component, driver);
    bench.case["tables"] = json!({"t": {"key": ["id"], "columns": {"id": "bigint"}}});
    let ended = bench.run(&["--only", "create-table"]);
    let said = ended.words();
    assert_eq!(ended.status.code(), Some(2), "{} {said}", ended.stdout);
    assert!(said.contains("kit-driver") && said.contains("the driver"), "{said}");
    assert!(said.contains(words), "{words:?} is not in {said}");
    assert_eq!(ended.stdout, "");
}

/// A program that says something and then listens until it is ended.
#[track_caller]
fn assert_python_blamed(says: &str, words: &str) {
    let program = format!("{says}\nimport sys\nsys.stdin.read()");
    assert_blamed(&["python3", "-c", &program], words);
}

#[test]
fn a_driver_that_fails_is_named() {
    assert_blamed(&["./no-such-program"], "can't be started");
    assert_blamed(&["false"], "(request `reset`)");
    let ends = "import sys; sys.stdin.readline(); sys.exit(3)";
    assert_blamed(&["python3", "-c", ends], "exit status: 3");
    assert_blamed(&["cat"], "answered with something else than asked for");
    assert_blamed(&["yes"], "answered with what is no JSON");
}

#[test]
fn a_driver_that_says_what_cannot_be_is_named() {
    let says = assert_python_blamed;
    says(r#"print('{"error": "no server"}', flush=True)"#, "an error: no server");
    says("print('x' * (17 << 20), flush=True)", "answered with more than 16777216 bytes");
    let lies = r#"print('{"ok": true}\n{"rows": [{"id": "one"}]}', flush=True)"#;
    says(lies, "`one` is no bigint");
    let twins = r#"print('{"ok": true}\n{"rows": [{"id": 1}, {"id": 1}]}', flush=True)"#;
    says(twins, "of which two have one key");
}

/// Waits as long as a driver may take.
#[test]
fn a_driver_that_hangs_is_named() {
    assert_blamed(&["sleep", "600"], "gave no answer within 60 seconds");
}
