//! What hostile guests make the host hold is counted, bounded, and given back.

use std::{sync::Arc, time::Duration};

use cartridge_warp::{
    model::Position,
    plugin::{
        Bounds, Cause, ConnectSettings, Engine, EngineSettings, LoadError, Plugin, PluginError,
        Resource, SourceConnection,
    },
};
use miette::Diagnostic;

use crate::{
    setup::{self, limits},
    smuggled::with_modules,
};

const MIB: u64 = 1 << 20;

/// An engine with a bound on the whole process.
async fn plugin(bounds: Bounds) -> (Engine, Arc<Plugin>) {
    let cache_dir = Some(setup::cache());
    let settings = EngineSettings { cache_dir, bounds, ..EngineSettings::default() };
    let engine = Engine::new(settings).unwrap();
    let plugin = Plugin::load(&engine, setup::component(), None).await.unwrap();
    (engine, plugin)
}

fn settings(deed: &str, bounds: Bounds) -> ConnectSettings {
    let mut settings = setup::settings(deed);
    settings.limits.bounds = bounds;
    settings
}

fn memory(memory_bytes_max: u64) -> Bounds {
    Bounds { memory_bytes_max, ..Bounds::UNBOUNDED }
}

fn used(engine: &Engine, resource: Resource) -> u64 {
    let usage = engine.ledger().usage();
    let process = usage.iter().find(|usage| usage.plugin.is_none() && usage.resource == resource);
    process.unwrap().used
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

/// The key of the bound that was reached.
fn exhausted(error: &PluginError) -> &str {
    let Cause::Exhausted(exhausted) = &error.cause else { panic!("{error}") };
    assert!(error.help().unwrap().to_string().contains(&exhausted.key), "{error}");
    &exhausted.key
}

async fn changes(source: &SourceConnection) -> Result<(), PluginError> {
    source.get_changes("shop", &Position(Vec::new()), limits()).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_instances_of_a_plugin_share_its_memory_and_all_plugins_the_processs() {
    for (process, plugin_bound, key) in [
        (Bounds::UNBOUNDED, memory(120 * MIB), "source.limits.memory_total"),
        (memory(120 * MIB), Bounds::UNBOUNDED, "limits.memory"),
    ] {
        let (engine, plugin) = plugin(process).await;
        let open = || SourceConnection::open(&plugin, settings("held", plugin_bound));
        let (one, other) = (open().await.unwrap(), open().await.unwrap());
        assert!(used(&engine, Resource::Memory) > 96 * MIB);
        assert_eq!(exhausted(&open().await.err().unwrap()), key);
        one.close().await;
        open().await.unwrap().close().await;
        other.close().await;
        eventually("nothing is held", || used(&engine, Resource::Memory) == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_being_torn_down_still_counts() {
    let (engine, plugin) = plugin(Bounds::UNBOUNDED).await;
    let open = |deed| SourceConnection::open(&plugin, settings(deed, memory(120 * MIB)));
    for _ in 0..2 {
        // Dropped, not closed: it disconnects for as long as it may.
        drop(open("held-drop:spin").await.unwrap());
    }
    assert_eq!(exhausted(&open("held").await.err().unwrap()), "source.limits.memory_total");
    eventually("the destructors are over", || used(&engine, Resource::Threads) == 0).await;
    open("held").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_connections_thread_is_counted_until_it_ends() {
    let (engine, plugin) = plugin(Bounds::UNBOUNDED).await;
    let bounds = Bounds { threads_max: 2, ..Bounds::UNBOUNDED };
    let open = || SourceConnection::open(&plugin, settings("nothing", bounds));
    let (one, _other) = (open().await.unwrap(), open().await.unwrap());
    assert_eq!(exhausted(&open().await.err().unwrap()), "source.limits.threads");
    one.close().await;
    eventually("a thread is free", || used(&engine, Resource::Threads) == 1).await;
    open().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_host_keeps_of_answers_is_counted() {
    for deed in ["large-rows", "large-letters"] {
        let (engine, plugin) = plugin(Bounds::UNBOUNDED).await;
        let bounds = settings(deed, memory(80 * MIB));
        let source = SourceConnection::open(&plugin, bounds).await.unwrap();
        let (mut waiting, mut before) = (Vec::new(), 0);
        let error = loop {
            let read = source.get_changes("shop", &Position(Vec::new()), limits()).await;
            match read {
                Ok(batch) => waiting.push(batch),
                Err(error) => break error,
            }
            let now = used(&engine, Resource::Memory);
            assert!(now > before, "{deed}: {} batches are {now} bytes", waiting.len());
            before = now;
        };
        assert_eq!(exhausted(&error), "source.limits.memory_total", "{deed}");
        assert!(waiting.len() > 5, "{deed}: {}", waiting.len());
        waiting.clear();
        eventually("it is given back", || used(&engine, Resource::Memory) == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_and_tables_that_a_source_tells_of_are_counted() {
    for deed in ["new-schemas", "new-tables"] {
        let (engine, plugin) = plugin(Bounds::UNBOUNDED).await;
        let bounds = settings(deed, memory(60 * MIB));
        let source = SourceConnection::open(&plugin, bounds).await.unwrap();
        let mut answers = 0;
        let error = loop {
            match changes(&source).await {
                Ok(()) => answers += 1,
                Err(error) => break error,
            }
            assert!(answers < 2_000, "{deed} has no bound");
        };
        assert_eq!(exhausted(&error), "source.limits.memory_total", "{deed}");
        assert!(answers > 5, "{deed}: {answers}");
        eventually("it is given back", || used(&engine, Resource::Memory) == 0).await;
    }
}

/// A table of a million references, and one that grows to it.
const TABLE: &str = "(module (table 1000000 funcref))";
const GROWING_TABLE: &str = "(module (table $t 1 funcref) (start $grow)
    (func $grow (if (i32.eq (table.grow $t (ref.null func) (i32.const 999999)) (i32.const -1))
        (then unreachable))))";

async fn load(engine: &Engine, modules: &[&str]) -> Result<Arc<Plugin>, LoadError> {
    let directory = tempfile::tempdir().unwrap();
    Plugin::load(engine, &with_modules(&directory, modules), None).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_count_like_memory() {
    let engine = Engine::new(EngineSettings::default()).unwrap();
    for table in [TABLE, GROWING_TABLE] {
        // 16 tables of 8 MB; while it describes itself a connector has 64 MiB.
        let error = load(&engine, &[table; 16]).await.unwrap_err();
        let LoadError::Describe { source, .. } = &error else { panic!("{error}") };
        assert_eq!(source.cause.kind(), "out-of-memory", "{source}");

        let plugin = load(&engine, &[table; 4]).await.unwrap();
        let mut bounds = settings("nothing", Bounds::UNBOUNDED);
        let source = SourceConnection::open(&plugin, bounds.clone()).await.unwrap();
        assert!(used(&engine, Resource::Memory) > 32_000_000);
        source.close().await;
        eventually("it is given back", || used(&engine, Resource::Memory) == 0).await;
        bounds.limits.memory_max_bytes = 20 * MIB;
        let error = SourceConnection::open(&plugin, bounds).await.err().unwrap();
        assert_eq!(error.cause.kind(), "out-of-memory", "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memories_are_few_because_each_takes_address_space() {
    let engine = Engine::new(EngineSettings::default()).unwrap();
    load(&engine, &["(module (memory 1))"; 3]).await.unwrap();
    for modules in [&["(module (memory 1))"; 4][..], &["(module (memory 1) (memory 1))"; 300]] {
        let error = load(&engine, modules).await.unwrap_err();
        let LoadError::Describe { source, .. } = &error else { panic!("{error}") };
        assert!(source.to_string().contains("memory count too high"), "{source}");
    }
}
