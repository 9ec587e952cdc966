//! Files that can't be read, and what paths in a file are relative to.

use std::path::Path;

use tempfile::TempDir;

use super::{MINIMAL, assert_says, rendered, written};
use crate::config::{ConfigSources, SecretSource, WarpConfig};

fn refusal(path: &Path) -> String {
    rendered(&WarpConfig::load(ConfigSources::new().file(path)).unwrap_err(), None)
}

#[test]
fn files_that_cannot_be_read_are_named_with_the_reason() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("latin.yaml"), b"mode: \xe9").unwrap();
    std::fs::write(path("big.yaml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    let cases = [
        ("a file that is missing", "none.yaml", "cannot be read"),
        ("a directory", "", "is a directory"),
        ("a file that is not UTF-8", "latin.yaml", "not UTF-8 at byte 6"),
        ("a file that is too big", "big.yaml", "bigger than 1 MiB"),
    ];
    for (case, name, word) in cases {
        let answer = refusal(&path(name));
        assert_says(case, &answer, &[name, word, "config::unreadable", "help:"]);
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let (_directory, sources) = written(&format!("\u{feff}{MINIMAL}"));
    assert!(WarpConfig::load(sources).is_ok());
}

#[test]
fn relative_paths_start_at_the_directory_of_the_file() {
    let more = "  plugin: plugins/files.wasm
  grants:
    directories: [in, {path: ../shared, writable: true}, /abs]
    secrets: {pw: {file: secret.txt}, token: {env: TOKEN}}
";
    let text = MINIMAL.replace("destination:", &format!("{more}destination:"));
    let (directory, sources) = written(&text);
    let config = WarpConfig::load(sources).unwrap();
    let base = directory.path();
    assert_eq!(config.base_dir, base);
    let source = &config.source;
    let data = source.connection_string.as_ref().unwrap().expose();
    assert_eq!(Path::new(data), base.join("data"));
    assert_eq!(source.plugin.as_deref(), Some(base.join("plugins/files.wasm").as_path()));
    let granted: Vec<_> = source.grants.directories.iter().map(|d| d.path.clone()).collect();
    assert_eq!(granted, [base.join("in"), base.join("../shared"), "/abs".into()]);
    let writable: Vec<_> = source.grants.directories.iter().map(|d| d.writable).collect();
    assert_eq!(writable, [false, true, false]);
    assert_eq!(source.grants.secrets["pw"], SecretSource::File(base.join("secret.txt")));
    assert_eq!(source.grants.secrets["token"], SecretSource::Env("TOKEN".into()));
    assert_eq!(config.state_dir, Path::new("/home/me/.local/state/cartridge-warp"));
}

#[test]
fn connection_strings_that_are_no_paths_stay_as_they_are() {
    for text in [
        "postgresql://me@db/shop",
        "host=db dbname=shop",
        "localhost:27017",
        "me@db",
        ":memory:",
        "shop",
        "data/in",
        "/abs/data",
    ] {
        let line = format!("connection_string: '{text}'");
        let (_directory, sources) = written(&MINIMAL.replace("connection_string: ./data", &line));
        let config = WarpConfig::load(sources).unwrap();
        assert_eq!(config.source.connection_string.unwrap().expose(), text);
    }
}

#[test]
fn a_connection_string_file_is_read_each_time() {
    let line = "connection_string_file: dsn.txt";
    let (directory, sources) = written(&MINIMAL.replace("connection_string: ./data", line));
    std::fs::write(directory.path().join("dsn.txt"), "postgresql://a:b@db/one\n").unwrap();
    let config = WarpConfig::load(sources.clone()).unwrap();
    let read = || config.source.read_connection_string().unwrap().expose().to_owned();
    assert_eq!(read(), "postgresql://a:b@db/one");
    std::fs::write(directory.path().join("dsn.txt"), "postgresql://a:c@db/one\n").unwrap();
    assert_eq!(read(), "postgresql://a:c@db/one");
    std::fs::write(directory.path().join("dsn.txt"), "\n").unwrap();
    assert!(WarpConfig::load(sources).is_err(), "an empty file is no connection string");
}

#[test]
fn without_a_home_directory_the_state_directory_must_be_set() {
    let (directory, _) = written(MINIMAL);
    let sources = ConfigSources::new().file(directory.path().join("config.yaml"));
    let error = WarpConfig::load(sources.clone()).unwrap_err();
    assert_says(
        "no HOME",
        &rendered(&error, None),
        &["HOME is not set", "CARTRIDGE_WARP_STATE_DIR"],
    );
    let set = sources.env([("CARTRIDGE_WARP_STATE_DIR", "state")]);
    assert_eq!(WarpConfig::load(set).unwrap().state_dir, directory.path().join("state"));
}
