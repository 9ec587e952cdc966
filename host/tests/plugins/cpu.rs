//! Guests that compute without end leave the others their share of the CPU.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use cartridge_warp::{
    model::Position,
    plugin::{Engine, EngineSettings, Observer, Origin, Plugin, SourceConnection},
};

use crate::setup::{self, limits};

/// Instances of the noisy label; the quiet one has one.
const NOISY: u32 = 16;

/// CPU time by label.
#[derive(Default)]
struct Used(Mutex<BTreeMap<String, Duration>>);

impl Observer for Used {
    fn cpu(&self, origin: Origin<'_>, used: Duration) {
        *self.0.lock().unwrap().entry(origin.label.to_owned()).or_default() += used;
    }
}

impl Used {
    fn of(&self, label: &str) -> Duration {
        self.0.lock().unwrap().get(label).copied().unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_with_many_computing_instances_gets_no_more_than_one_with_few() {
    let used = Arc::new(Used::default());
    let observer: Arc<dyn Observer> = used.clone();
    let settings = EngineSettings {
        cache_dir: Some(setup::cache()),
        observer: Some(observer),
        ..EngineSettings::default()
    };
    let engine = Engine::new(settings).unwrap();
    let plugin = Plugin::load(&engine, setup::component(), None).await.unwrap();
    let open = async |label: &str, deed: &str| {
        let mut settings = setup::settings(deed);
        settings.label = label.to_owned();
        settings.limits.call_deadline = Duration::from_secs(120);
        SourceConnection::open(&plugin, settings).await.unwrap()
    };
    let quiet = open("quiet", "work").await;
    let mut spinners = Vec::new();
    for _ in 0..NOISY {
        let mut settings = setup::settings("spin");
        (settings.label, settings.limits.call_deadline) = ("noisy".into(), Duration::from_secs(15));
        let noisy = SourceConnection::open(&plugin, settings).await.unwrap();
        spinners.push(tokio::spawn(async move {
            noisy.get_changes("shop", &Position(Vec::new()), limits()).await.map(drop)
        }));
    }
    while used.of("noisy") < Duration::from_millis(200) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = (used.of("quiet"), used.of("noisy"));
    quiet.get_changes("shop", &Position(Vec::new()), limits()).await.unwrap();
    let own = used.of("quiet").saturating_sub(before.0);
    let others = used.of("noisy").saturating_sub(before.1);
    // The system shares by thread: then it would be sixteen times as much.
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u32;
    assert!(others < own * (cores + 2), "{own:?} beside {others:?}");
    for spinner in spinners {
        assert!(spinner.await.unwrap().is_err());
    }
}
