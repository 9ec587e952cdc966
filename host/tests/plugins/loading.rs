//! Directories of components, pins, options.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use cartridge_warp::plugin::{
    Catalog, CompileNotice, Engine, EngineSettings, LoadError, OptionError, Plugin, Role,
};
use serde_json::json;

use crate::setup::component;

fn engine(cache: Option<&Path>) -> Engine {
    let cache_dir = cache.map(Path::to_owned);
    Engine::new(EngineSettings { cache_dir, ..EngineSettings::default() }).unwrap()
}

/// The files that were compiled.
#[derive(Default)]
struct Compiled(Mutex<Vec<String>>);

impl CompileNotice for Compiled {
    fn compiling(&self, file: &str, _bytes: u64) -> Box<dyn Send> {
        self.0.lock().unwrap().push(file.to_owned());
        Box::new(())
    }
}

fn watched() -> (Engine, Arc<Compiled>) {
    let compiled = Arc::<Compiled>::default();
    let notice: Arc<dyn CompileNotice> = compiled.clone();
    let settings = EngineSettings { compile_notice: Some(notice), ..EngineSettings::default() };
    (Engine::new(settings).unwrap(), compiled)
}

/// A directory with the evil component under its own name, and what else may lie about.
fn directory(others: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::copy(component(), directory.path().join("evil-source.wasm")).unwrap();
    for (name, bytes) in others {
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    directory
}

#[tokio::test]
async fn what_is_not_named_is_not_even_read() {
    let module = wat::parse_str("(module)").unwrap();
    let directory = directory(&[
        ("broken-source.wasm", b"not wasm"),
        ("core_destination.wasm", &module),
        ("nothing.wasm", b""),
        ("readme.txt", b"no plugin"),
    ]);
    let (engine, compiled) = watched();
    let catalog = Catalog::open(directory.path()).unwrap();
    let plugin = catalog.load(&engine, Role::Source, "evil", None).await.unwrap();
    assert_eq!((plugin.digest.len(), plugin.info.version.as_str()), (64, "0.1.0"));
    assert_eq!(*compiled.0.lock().unwrap(), ["evil-source.wasm"]);

    let entries = catalog.load_all(&engine).await;
    let found = |file: &str| {
        let entry = entries.iter().find(|entry| entry.path.ends_with(file)).unwrap();
        entry.plugin.as_ref().map_err(ToString::to_string)
    };
    assert_eq!(entries.len(), 4);
    assert!(found("evil-source.wasm").is_ok());
    assert!(found("broken-source.wasm").unwrap_err().contains("not a readable component"));
    assert!(found("core_destination.wasm").unwrap_err().contains("core module"));
    assert!(found("nothing.wasm").unwrap_err().contains("neither"));
}

#[tokio::test]
async fn an_unknown_name_lists_what_there_is() {
    let directory = directory(&[("other-source.wasm", b"x"), ("fitting\u{1b}.wasm", b"x")]);
    let catalog = Catalog::open(directory.path()).unwrap();
    let error = catalog.find(Role::Source, "devil").unwrap_err();
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(error.to_string().contains("no source is called `devil`; there are: evil, other"));
    assert!(help.contains("did you mean `evil`?"), "{help}");
    assert!(help.contains("fitting\\u{1b}.wasm") && help.contains("source.plugin"), "{help}");
    let error = catalog.find(Role::Destination, "zzz").unwrap_err();
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(help.contains("put zzz-destination.wasm into"), "{help}");
    let error = catalog.load_named(&engine(None), "devil").await.unwrap_err().to_string();
    assert!(error.contains("no connector is called `devil`"), "{error}");
}

#[tokio::test]
async fn two_files_of_one_name_are_both_refused() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["evil-source.wasm", "evil_source.wasm"] {
        fs::copy(component(), directory.path().join(name)).unwrap();
    }
    let (engine, compiled) = watched();
    let catalog = Catalog::open(directory.path()).unwrap();
    let error = catalog.find(Role::Source, "evil").unwrap_err().to_string();
    assert!(error.contains("evil-source.wasm") && error.contains("evil_source.wasm"), "{error}");
    assert!(catalog.load_all(&engine).await.iter().all(|entry| entry.plugin.is_err()));
    assert!(compiled.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_component_must_be_what_its_file_name_says() {
    let directory = tempfile::tempdir().unwrap();
    let engine = engine(None);
    for (file, role, name) in [
        ("postgresql-source.wasm", Role::Source, "postgresql"),
        ("evil-destination.wasm", Role::Destination, "evil"),
    ] {
        fs::copy(component(), directory.path().join(file)).unwrap();
        let catalog = Catalog::open(directory.path()).unwrap();
        let error = catalog.load(&engine, role, name, None).await.unwrap_err();
        assert!(matches!(error, LoadError::Misnamed { .. }), "{error}");
        let help = miette::Diagnostic::help(&error).unwrap().to_string();
        assert!(error.to_string().contains(file) && help.contains("evil-source.wasm"), "{help}");
    }
}

#[tokio::test]
async fn a_pin_is_compared_before_anything_is_looked_at() {
    let directory = directory(&[("broken-source.wasm", b"not wasm")]);
    let (engine, compiled) = watched();
    let catalog = Catalog::open(directory.path()).unwrap();
    let wrong = "0".repeat(64);
    for name in ["evil", "broken"] {
        let error = catalog.load(&engine, Role::Source, name, Some(&wrong)).await.unwrap_err();
        assert!(matches!(error, LoadError::Digest { .. }), "{error}");
    }
    assert!(compiled.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_pin_names_both_digests() {
    let engine = engine(None);
    let wrong = "0".repeat(64);
    let error = Plugin::load(&engine, component(), Some(&wrong)).await.unwrap_err();
    let LoadError::Digest { expected, found, .. } = &error else { panic!("{error}") };
    assert_eq!(*expected, wrong);
    assert!(error.to_string().contains(&wrong) && error.to_string().contains(found));
    let upper = found.to_uppercase();
    assert!(Plugin::load(&engine, component(), Some(&upper)).await.is_ok());
}

#[tokio::test]
async fn options_are_checked_by_the_connectors_schema() {
    let plugin = Plugin::load(&engine(None), component(), None).await.unwrap();
    assert_eq!(plugin.check_options(&json!({"deed": "nothing"})), []);
    let errors = plugin.check_options(&json!({"deed": 7, "other": 1}));
    assert_eq!(errors.len(), 2);
    let wrong_type = |error: &OptionError| error.path == "deed";
    assert!(errors.iter().any(wrong_type), "{errors:?}");
}

#[test]
fn the_search_path_is_followed_in_order_and_named_places_must_exist() {
    let home = tempfile::tempdir().unwrap();
    let own = home.path().join(".local/share/cartridge-warp/plugins");
    let (none, home_path) = (home.path().join("none"), home.path().to_owned());
    let search = Catalog::search_path;
    let error = search(None, None, Some(none.clone()), Some(home_path.clone())).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("none/plugins") && error.contains(".local/share"), "{error}");
    fs::create_dir_all(&own).unwrap();
    assert_eq!(search(None, None, Some(none.clone()), Some(home_path.clone())).unwrap(), own);
    let named = home.path().join("named");
    assert!(search(Some(named.clone()), None, None, Some(home_path.clone())).is_err());
    fs::create_dir(&named).unwrap();
    let found = search(Some(named.clone()), Some(own.clone()), None, None).unwrap();
    assert_eq!(found, named);
    assert_eq!(search(None, Some(own.clone()), None, None).unwrap(), own);
}
