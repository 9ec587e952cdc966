//! What a case may say, and the checks of options, which both classes have.

use std::fs;

use cartridge_warp_tests::Product;
use serde_json::json;

use super::Bench;

/// The mock destination, whose every call counts.
fn bench() -> Bench {
    let component = Product::find().test_plugins.join("scripted-destination.wasm");
    let driver = ["python3", "sqlite_driver.py", "far"];
    let mut bench = Bench::new("destination", "scripted", &component, &driver);
    bench.case["tables"] = json!({"t": {"key": ["id"], "columns": {"id": "bigint", "v": "text"}}});
    bench
}

/// The case is refused with these words, before anything is opened.
#[track_caller]
fn assert_refused(bench: &Bench, arguments: &[&str], words: &[&str]) {
    let ended = bench.run(arguments);
    let said = ended.words();
    assert_eq!(ended.status.code(), Some(2), "{} {said}", ended.stdout);
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
    assert!(!bench.directory.path().join("far").exists(), "something was opened");
}

#[test]
fn a_case_is_read_as_strictly_as_a_configuration() {
    let refused = |change: &dyn Fn(&mut Bench), words: &[&str]| {
        let mut bench = bench();
        change(&mut bench);
        assert_refused(&bench, &[], words);
    };
    refused(&|it| it.case["tabels"] = json!({}), &["tabels", "did you mean `tables`?"]);
    refused(&|it| it.case["tables"]["t"]["colums"] = json!({}), &["colums", "columns"]);
    refused(&|it| it.case["tables"]["t"]["columns"]["v"] = json!("txt"), &["txt"]);
    refused(&|it| it.case["tables"]["t"]["key"] = json!(["di"]), &["`di`", "valid here: id, v"]);
    refused(&|it| it.case["tables"]["t"]["key"] = json!([]), &["tables.t.key", "is empty"]);
    refused(&|it| it.case["tables"] = json!({}), &["`tables` has none"]);
    refused(&|it| it.case["driver"] = json!([]), &["`driver` names no program"]);
    refused(&|it| it.case["source"] = it.case["destination"].clone(), &["stands beside `source`"]);
    refused(&|it| it.case["destination"]["plugin"] = json!("x.wasm"), &["destination.plugin"]);
    let operations = |it: &mut Bench| it.case["operations"] = json!(["insert"]);
    refused(&operations, &["`operations` means nothing for a destination"]);
    let alters = |it: &mut Bench| it.case["driver_can"] = json!(["alter"]);
    refused(&alters, &["`driver_can` has `alter`, which means nothing for a destination"]);
    refused(&|it| it.case["driver_can"] = json!(["cutt"]), &["did you mean `cut`?"]);
    let other = |it: &mut Bench| it.case["destination"]["type"] = json!("sqlite");
    refused(&other, &["destination.type: sqlite", "destination.type: scripted"]);
    let float_key = |it: &mut Bench| it.case["tables"]["t"]["columns"]["id"] = json!("double");
    refused(&float_key, &["whose type no key of a case has"]);
    let no_side = |it: &mut Bench| {
        let case = it.case.as_object_mut().expect("an object");
        case.remove("destination");
    };
    refused(&no_side, &["`source` is missing, and `destination` is, too"]);
    assert_refused(&bench(), &["--only", "fense"], &["`fense`", "did you mean `fence`?"]);
}

#[test]
fn what_cannot_connect_does_not_pass() {
    let mut bench = bench();
    bench.case["destination"]["options"] =
        json!({"faults": [{"call": "connect", "at": 0, "times": 99, "action": "stop"}]});
    let (outcomes, statement) = bench.outcomes(&["--only", "opens"]);
    assert_eq!(outcomes["opens"], "failed");
    assert_eq!(statement["complete"], false);
}

#[test]
fn options_that_are_to_be_refused_must_be() {
    let mut bench = bench();
    let only = ["--only", "refused-options"];
    let (outcomes, _) = bench.outcomes(&only);
    assert_eq!(outcomes["refused-options"], "not-applicable");
    bench.case["refused_options"] = json!([{"lies": "perhaps"}]);
    assert_eq!(bench.outcomes(&only).0["refused-options"], "passed");
    // The second one is fine for the connector.
    bench.case["refused_options"] = json!([{"lies": "perhaps"}, {"lies": false}]);
    assert_eq!(bench.outcomes(&only).0["refused-options"], "failed");
}

/// A component whose schema of options is changed to let everything through.
#[test]
fn options_that_are_ignored_do_not_pass() {
    let component = Product::find().test_plugins.join("evil-source.wasm");
    let strict = fs::read(&component).expect("the component");
    let (word, lax) = (b"\"additionalProperties\":false", b"\"additionalProperties\":true ");
    let at = strict.windows(word.len()).position(|bytes| bytes == word).expect("its schema");
    let mut bytes = strict;
    bytes[at..at + lax.len()].copy_from_slice(lax);
    let directory = tempfile::tempdir().expect("a directory");
    let changed = directory.path().join("lax.wasm");
    fs::write(&changed, bytes).expect("a file");
    for (component, outcome) in [(component, "passed"), (changed, "failed")] {
        let mut bench = Bench::new("source", "evil", &component, &["python3", "told.py", "far"]);
        fs::create_dir(bench.directory.path().join("far")).expect("a directory");
        bench.case["source"]["options"] = json!({"deed": "none"});
        bench.case["tables"] = json!({"t": {"key": ["id"], "columns": {"id": "bigint"}}});
        let (outcomes, _) = bench.outcomes(&["--only", "unknown-option"]);
        assert_eq!(outcomes["unknown-option"], outcome);
    }
}

#[test]
fn verdicts_are_written_for_people_and_for_ci() {
    let mut bench = bench();
    bench.case["destination"]["options"] = json!({"mutant": "unfenced"});
    let junit = bench.directory.path().join("kit.xml").display().to_string();
    let ended = bench.run(&["--only", "fence", "--only", "deletes", "--junit", &junit]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let words =
        ["ok      deletes", "FAILED  fence", "expected  write-batch", "saw       it does", "help "];
    for word in words {
        assert!(ended.stdout.contains(word), "{word:?} is not in {}", ended.stdout);
    }
    assert!(ended.stdout.contains("1 passed, 1 failed"), "{}", ended.stdout);
    let document = fs::read_to_string(&junit).expect("the document");
    assert!(document.contains("tests=\"2\" failures=\"1\" skipped=\"0\""), "{document}");
    let list = bench.product.run(&["connectors", "test", &bench.component, "--list"]);
    assert!(list.status.success(), "{}", list.stderr);
    assert!(list.stdout.contains("fence ") && !list.stdout.contains("snapshot"), "{}", list.stdout);
}
