//! The configurations that ship with the program load.

use std::path::Path;

use super::{load, written};
use crate::config::{ConfigSources, Mode, WarpConfig, template};

#[test]
fn the_template_loads_as_it_is_written() {
    let config = load(template()).unwrap();
    assert_eq!(config.mode, Mode::Single);
    assert_eq!(config.active_schemas().count(), 1);
    let (directory, sources) = written(template());
    let sources = sources.env([("SOURCE_CONNECTION_STRING", "./elsewhere")]);
    let config = WarpConfig::load(sources).unwrap();
    let source = config.source.connection_string.unwrap();
    assert_eq!(Path::new(source.expose()), directory.path().join("./elsewhere"));
}

/// Examples of files for other programs, which read them in tests of the product (`deployment`, `watching`).
const FOR_OTHERS: [&str; 3] = ["kubernetes", "monitoring", "systemd"];

#[test]
fn the_configuration_of_every_example_loads() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folders = std::fs::read_dir(&examples).unwrap().map(|entry| entry.unwrap().path());
    let folders = folders.filter(|folder| !FOR_OTHERS.iter().any(|name| folder.ends_with(name)));
    let files = folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let files = files.map(|entry| entry.unwrap().path());
    let mut loaded = 0;
    for file in files.filter(|file| file.extension().is_some_and(|ending| ending == "yaml")) {
        let key = ("HASH_KEY", "a key of some length");
        let environment =
            [("HOME", "/home/me"), ("SOURCE_URL", "a"), ("DESTINATION_URL", "b"), key];
        let sources = ConfigSources::new().file(&file).env(environment);
        let config = WarpConfig::load(sources).unwrap_or_else(|e| panic!("{file:?}: {e:?}"));
        assert!(config.active_schemas().count() > 0, "{file:?}");
        loaded += 1;
    }
    assert!(loaded >= 5, "{loaded} configurations");
}

#[test]
fn the_examples_load() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for (name, schemas) in [("single-schema-config.yaml", 1), ("multi-schema-config.yaml", 3)] {
        let sources = ConfigSources::new().file(examples.join(name));
        let sources = sources.env([("HOME", "/home/me"), ("HASH_KEY", "a key of some length")]);
        let config = WarpConfig::load(sources).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert_eq!(config.active_schemas().count(), schemas, "{name}");
        assert_eq!((&*config.source.r#type, &*config.destination.r#type), ("files", "sqlite"));
    }
}
