//! Directories of components, the compile cache, options.

use std::{fs, path::Path};

use cartridge_warp::plugin::{
    Catalog, Engine, EngineSettings, LoadError, OptionError, Plugin, Role,
};
use serde_json::json;

use crate::setup::component;

fn engine(cache: Option<&Path>) -> Engine {
    let cache_dir = cache.map(Path::to_owned);
    Engine::new(EngineSettings { cache_dir, ..EngineSettings::default() }).unwrap()
}

#[tokio::test]
async fn broken_files_do_not_hide_the_good_ones() {
    let directory = tempfile::tempdir().unwrap();
    fs::copy(component(), directory.path().join("evil.wasm")).unwrap();
    fs::write(directory.path().join("broken.wasm"), "not wasm").unwrap();
    fs::write(directory.path().join("core.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    fs::write(directory.path().join("readme.txt"), "no plugin").unwrap();
    let catalog = Catalog::open(&engine(None), directory.path()).await.unwrap();
    assert_eq!(catalog.entries().len(), 3);
    let plugin = catalog.find(Role::Source, "evil").unwrap();
    assert_eq!(plugin.digest.len(), 64);
    assert_eq!(plugin.info.version, "0.1.0");

    let error = catalog.find(Role::Source, "devil").unwrap_err();
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(error.to_string().contains("there are: evil"), "{error}");
    assert!(
        help.contains("did you mean `evil`?") && help.contains("broken.wasm, core.wasm"),
        "{help}"
    );
    assert!(catalog.find(Role::Destination, "evil").is_err());
}

#[tokio::test]
async fn two_files_of_one_name_are_both_refused() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a.wasm", "b.wasm"] {
        fs::copy(component(), directory.path().join(name)).unwrap();
    }
    let cache = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&engine(Some(cache.path())), directory.path()).await.unwrap();
    let error = catalog.find(Role::Source, "evil").unwrap_err().to_string();
    assert!(error.contains("a.wasm") && error.contains("b.wasm"), "{error}");
    assert!(catalog.entries().iter().all(|entry| entry.plugin.is_err()));
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
async fn an_altered_compiled_component_is_compiled_again() {
    let cache = tempfile::tempdir().unwrap();
    let engine = engine(Some(cache.path()));
    Plugin::load(&engine, component(), None).await.unwrap();
    let only = || {
        let mut files = fs::read_dir(cache.path()).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none());
        file
    };
    let compiled = only();
    let mut bytes = fs::read(&compiled).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&compiled, &bytes).unwrap();
    Plugin::load(&engine, component(), None).await.unwrap();
    assert_ne!(fs::read(only()).unwrap(), bytes);
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
