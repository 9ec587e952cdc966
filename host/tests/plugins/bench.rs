//! What compiling, loading from the cache, opening and calling cost. Run with `--ignored`.

use std::{sync::Arc, time::Instant};

use cartridge_warp::{
    model::Position,
    plugin::{Engine, EngineSettings, Plugin},
};

use crate::setup::{self, component, limits};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, asserts nothing"]
async fn costs() {
    let cache = tempfile::tempdir().unwrap();
    let settings = || EngineSettings {
        cache_dir: Some(cache.path().join("compiled")),
        ..EngineSettings::default()
    };
    component();
    for what in ["compile", "from the cache", "from the cache"] {
        let engine = Engine::new(settings()).unwrap();
        let started = Instant::now();
        Plugin::load(&engine, component(), None).await.unwrap();
        println!("{what}: {:?}", started.elapsed());
    }
    let plugin = setup::plugin(&Arc::default()).await;
    let started = Instant::now();
    let source = setup::open(&plugin, "nothing").await.unwrap();
    println!("open: {:?}", started.elapsed());
    for what in ["test-connection", "get-changes of 3 rows"] {
        let started = Instant::now();
        for _ in 0..10_000 {
            if what == "test-connection" {
                source.test_connection().await.unwrap();
            } else {
                source.get_changes("shop", &Position(Vec::new()), limits()).await.unwrap();
            }
        }
        println!("{what}: {:?} each", started.elapsed() / 10_000);
    }
}
