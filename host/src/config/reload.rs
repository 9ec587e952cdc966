//! What of an edited configuration a run takes over without a new start.

use std::collections::BTreeMap;

use super::{Resync, WarpConfig};

/// Sections and keys that are read once a process: what they name is open by the time that they change.
const ONCE: &[&str] = &[
    "name",
    "source",
    "destination",
    "dry_run",
    "monitoring.prometheus",
    "monitoring.structured_logging",
    "monitoring.unready_after_seconds",
    "control",
    "limits",
    "state_dir",
];

/// An edited configuration beside the one that is run.
#[derive(Debug)]
pub struct Reloaded {
    /// The edited one, with what is read once as it was.
    pub config: WarpConfig,
    /// Whether it names other tables that are to be copied anew. What it named before, a run has begun with.
    pub resyncs: bool,
    /// Keys whose value is another one from now on; values that are secret are not compared.
    pub changed: Vec<String>,
    /// Keys that count from the next start on.
    pub later: Vec<String>,
    /// Whether schemas have to begin again for it.
    pub concerns_schemas: bool,
}

impl WarpConfig {
    /// What becomes of this configuration when that one is read in its place.
    #[must_use]
    pub fn reloaded(&self, edited: Self) -> Reloaded {
        let (before, after) = (values(self), values(&edited));
        let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
        let (later, changed): (Vec<String>, Vec<String>) = keys
            .filter(|key| before.get(*key) != after.get(*key))
            .cloned()
            .partition(|key| ONCE.iter().any(|once| is_within(key, once)));
        let has_other_key = self.known_hash_key != edited.known_hash_key;
        let concerns_schemas =
            has_other_key || changed.iter().any(|key| key != "monitoring.log_level");
        let resyncs = self.full_resync != edited.full_resync;
        Reloaded { config: self.keep_once(edited), resyncs, changed, later, concerns_schemas }
    }

    fn keep_once(&self, edited: Self) -> Self {
        let old = self.clone();
        let mut config = Self {
            name: old.name,
            source: old.source,
            destination: old.destination,
            dry_run: old.dry_run,
            control: old.control,
            limits: old.limits,
            state_dir: old.state_dir,
            ..edited
        };
        config.monitoring.prometheus = old.monitoring.prometheus;
        config.monitoring.structured_logging = old.monitoring.structured_logging;
        config.monitoring.unready_after_seconds = old.monitoring.unready_after_seconds;
        config
    }
}

impl Reloaded {
    /// The configuration to run schemas with. `resync_left`: what is to be copied anew has not begun everywhere.
    #[must_use]
    pub fn to_run(&self, resync_left: bool) -> WarpConfig {
        let mut config = self.config.clone();
        if !self.resyncs && !resync_left {
            config.full_resync = Resync::None;
        }
        config
    }
}

fn is_within(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn values(config: &WarpConfig) -> BTreeMap<String, String> {
    config.effective().into_iter().map(|key| (key.path, key.value)).collect()
}
