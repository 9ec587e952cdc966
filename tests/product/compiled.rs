//! What is compiled, when, and where it is kept.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use cartridge_warp_tests::{Ended, Pipeline, Product, Running};
use serde_json::json;

const COMPILING: &str = "compiling a connector";
const NOT_USED: &str = "the compile cache is not used";

fn pipeline(state_dir: &Path) -> Pipeline {
    let mut pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1}\n");
    pipeline.set("state_dir", json!(state_dir));
    pipeline
}

fn kept(state_dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(state_dir.join("compiled")).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn count(ended: &Ended, what: &str) -> usize {
    ended.stderr.matches(what).count()
}

#[test]
fn a_run_compiles_nothing_that_was_compiled_before_and_nothing_else_ever_is() {
    let state = tempfile::tempdir().unwrap();
    let pipeline = pipeline(state.path());
    let compiled = pipeline.run(&["connectors", "compile"]);
    assert!(compiled.status.success(), "{}", compiled.stderr);
    assert!(compiled.stdout.contains("source `files`"), "{}", compiled.stdout);
    assert!(compiled.stdout.contains("destination `sqlite`"), "{}", compiled.stdout);
    let before = kept(state.path());
    assert_eq!(before.len(), 2, "the connectors of the configuration, and no other: {before:?}");

    let closed = |mode| {
        for directory in [state.path().join("compiled"), state.path().to_owned()] {
            fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    closed(0o500);
    let ended = pipeline.catch_up();
    closed(0o700);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!((count(&ended, COMPILING), count(&ended, NOT_USED)), (0, 0), "{}", ended.stderr);
    assert_eq!(kept(state.path()), before);
}

#[test]
fn all_that_is_there_is_compiled_without_a_configuration() {
    let (state, plugins) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let product = Product::find();
    let compile = || {
        let mut command = product.command();
        command.env("CARTRIDGE_WARP_STATE_DIR", state.path());
        command.env("CARTRIDGE_WARP_PLUGIN_DIR", plugins.path());
        command.args(["connectors", "compile", "--all"]);
        Running::start(command).wait(Duration::from_secs(300))
    };
    let ended = compile();
    assert_eq!(ended.status.code(), Some(1), "there is none: {}", ended.stdout);
    for name in ["files-source.wasm", "sqlite-destination.wasm"] {
        fs::copy(product.plugins.join(name), plugins.path().join(name)).unwrap();
    }
    let ended = compile();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(kept(state.path()).len(), 2);
    let ended = pipeline(state.path()).catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(count(&ended, COMPILING), 0, "{}", ended.stderr);
}

#[test]
fn where_nothing_can_be_kept_each_start_compiles_and_one_line_says_what_to_do() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("file");
    fs::write(&file, "").unwrap();
    // Nobody makes a directory in a file, not even root.
    let pipeline = pipeline(&file.join("state"));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!((count(&ended, COMPILING), count(&ended, NOT_USED)), (2, 1), "{}", ended.stderr);
    assert_eq!(count(&ended, "connectors compile -c FILE"), 1, "{}", ended.stderr);

    let compiled = pipeline.run(&["connectors", "compile"]);
    assert_eq!(compiled.status.code(), Some(1), "{}", compiled.stderr);
    assert!(compiled.words().contains("not-kept"), "{}", compiled.stderr);
}
