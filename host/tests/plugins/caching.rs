//! The compile cache against whoever can write into it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cartridge_warp::plugin::{Engine, EngineSettings, Plugin};

use crate::setup::{built, component};

fn engine(cache_dir: PathBuf) -> Engine {
    let cache_dir = Some(cache_dir);
    Engine::new(EngineSettings { cache_dir, ..EngineSettings::default() }).unwrap()
}

/// The entries of a cache.
fn entries(cache: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> =
        fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn only(cache: &Path) -> PathBuf {
    let [only] = &entries(cache)[..] else { panic!("{:?}", entries(cache)) };
    only.clone()
}

#[tokio::test]
async fn an_entry_is_used_and_an_altered_one_is_made_anew() {
    let state = tempfile::tempdir().unwrap();
    let cache = state.path().join("compiled");
    let first = Plugin::load(&engine(cache.clone()), component(), None).await.unwrap();
    let honest = fs::read(only(&cache)).unwrap();
    let again = Plugin::load(&engine(cache.clone()), component(), None).await.unwrap();
    assert_eq!(first.info, again.info);
    for at in [0, 40, honest.len() / 2, honest.len() - 1] {
        let mut altered = honest.clone();
        altered[at] ^= 1;
        fs::write(only(&cache), &altered).unwrap();
        Plugin::load(&engine(cache.clone()), component(), None).await.unwrap();
        assert_ne!(fs::read(only(&cache)).unwrap(), altered, "byte {at}");
    }
    let key = state.path().join("compiled.key");
    assert_eq!(fs::read(key).unwrap().len(), 32);
}

/// Everything is right about these entries but the key, or the component that they are stored for.
#[tokio::test]
async fn native_code_of_another_component_is_never_run() {
    let (state, forger) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (cache, forge) = (state.path().join("compiled"), forger.path().join("compiled"));
    let other = built("network-source");
    Plugin::load(&engine(cache.clone()), component(), None).await.unwrap();
    let ours = only(&cache);
    let name = ours.file_name().unwrap();

    // By the same program and for the same component, with another key: whoever has no key.
    Plugin::load(&engine(forge.clone()), component(), None).await.unwrap();
    let mut forged = vec![fs::read(forge.join(name)).unwrap()];
    // By the right key, for another component: whoever can rename files.
    Plugin::load(&engine(cache.clone()), &other, None).await.unwrap();
    let others = entries(&cache).into_iter().find(|path| *path != ours).unwrap();
    forged.push(fs::read(&others).unwrap());
    fs::remove_file(&others).unwrap();
    // The form of an older release: bytes without a seal.
    forged.push(fs::read(&ours).unwrap().split_off(40));

    for forged in forged {
        fs::write(&ours, &forged).unwrap();
        let plugin = Plugin::load(&engine(cache.clone()), component(), None).await.unwrap();
        assert_eq!(plugin.info.name, "evil");
        assert_ne!(fs::read(&ours).unwrap(), forged);
    }
}

#[tokio::test]
async fn a_link_in_the_cache_is_not_followed() {
    let state = tempfile::tempdir().unwrap();
    let cache = state.path().join("compiled");
    Plugin::load(&engine(cache.clone()), component(), None).await.unwrap();
    let entry = only(&cache);
    let elsewhere = state.path().join("elsewhere");
    fs::rename(&entry, &elsewhere).unwrap();
    let before = fs::read(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &entry).unwrap();
    Plugin::load(&engine(cache.clone()), component(), None).await.unwrap();
    assert!(fs::symlink_metadata(&entry).unwrap().is_file());
    assert_eq!(fs::read(&elsewhere).unwrap(), before);
}

#[test]
fn an_unusable_cache_is_one_warning_and_a_compilation_each_time() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join(".local/state/cartridge-warp");
    fs::create_dir_all(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).unwrap();
    let inspect = || {
        Command::new(env!("CARGO_BIN_EXE_cartridge-warp"))
            .args(["connectors", "inspect"])
            .arg(component())
            .env("HOME", home.path())
            .env("CARTRIDGE_WARP_LOG", "cartridge_warp=info")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    for _ in 0..2 {
        let ended = inspect();
        let log = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{log}");
        assert_eq!(log.matches("the compile cache is not used").count(), 1, "{log}");
        assert_eq!(log.matches("compiling a connector").count(), 1, "{log}");
    }
    assert_eq!(fs::read_dir(&state).unwrap().count(), 0);

    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    let mut compiled = 0;
    for _ in 0..2 {
        let ended = inspect();
        compiled += String::from_utf8_lossy(&ended.stderr).matches("compiling a connector").count();
    }
    assert_eq!(compiled, 1, "the second run says nothing: it takes it from the cache");
}
