//! `describe` against a component that would say something else each time (`tests/evil`).

use std::{fs, path::PathBuf};

use cartridge_warp::plugin::{
    Catalog, Cause, ConnectorInfo, Engine, EngineSettings, LoadError, Plugin, Role,
};

use crate::setup::built;

/// The fickle component with this deed, in a directory of its own.
fn doing(deed: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fickle-source.wasm");
    let mut bytes = fs::read(built("fickle-source")).unwrap();
    let mark = b"deed: =fickle  =";
    let at = bytes.windows(mark.len()).position(|window| window == mark).unwrap();
    bytes[at..at + mark.len()].copy_from_slice(format!("deed: ={deed:<8}=").as_bytes());
    fs::write(&path, bytes).unwrap();
    (directory, path)
}

async fn load(deed: &str) -> Result<ConnectorInfo, LoadError> {
    let (_directory, path) = doing(deed);
    let engine = Engine::new(EngineSettings::default()).unwrap();
    Plugin::load(&engine, &path, None).await.map(|plugin| plugin.info.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_loads_give_one_answer() {
    let first = load("fickle").await.unwrap();
    for fact in ["random", "order", "wall", "clock", "turns", "slept", "variables 0", "sockets 0"] {
        assert!(first.description.contains(fact), "{}", first.description);
    }
    for _ in 1..20 {
        assert_eq!(load("fickle").await.unwrap(), first);
    }
}

#[tokio::test]
async fn what_was_said_is_kept_with_the_code() {
    let (directory, path) = doing("fickle");
    let cache = directory.path().join("compiled");
    let load = || async {
        let settings =
            EngineSettings { cache_dir: Some(cache.clone()), ..EngineSettings::default() };
        Plugin::load(&Engine::new(settings).unwrap(), &path, None).await.unwrap().info.clone()
    };
    let first = load().await;
    let kept = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let kept = fs::read(kept).unwrap();
    let words = first.description.as_bytes();
    assert!(kept.windows(words.len()).any(|window| window == words));
    assert_eq!(load().await, first);
}

#[tokio::test]
async fn what_would_tell_of_the_machine_ends_it() {
    let cases = [("grows", "out-of-memory"), ("spins", "deadline"), ("words", "malformed")];
    for (deed, expected) in cases {
        let error = load(deed).await.unwrap_err();
        let LoadError::Describe { source, path } = &error else { panic!("{deed}: {error}") };
        assert_eq!(source.cause.code(), expected, "{deed}: {source}");
        assert!(path.ends_with("fickle-source.wasm"));
        assert!(!matches!(source.cause, Cause::Failure(_)));
    }
}

#[tokio::test]
async fn a_component_cannot_take_anothers_name() {
    let (directory, _) = doing("renamed");
    let engine = Engine::new(EngineSettings::default()).unwrap();
    let catalog = Catalog::open(directory.path()).unwrap();
    let error = catalog.load(&engine, Role::Source, "fickle", None).await.unwrap_err();
    assert!(matches!(error, LoadError::Misnamed { .. }), "{error}");
    assert!(error.to_string().contains("source `postgresql`"), "{error}");
    // Nor is it found by the name that it gives itself.
    assert!(catalog.find(Role::Source, "postgresql").is_err());
}
