//! What plugins make the process hold, read from the ledger when somebody asks for the text.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use prometheus::{
    IntGaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::{OTHER, PLUGINS_MAX};
use crate::plugin::{Ledger, Resource, Role, Usage};

/// The families of a ledger. Nothing is kept between two scrapes.
pub(super) struct Resources {
    ledger: Ledger,
    plugins: Pair,
    process: Pair,
    /// One scrape at a time fills the families.
    filling: Mutex<()>,
}

/// What is in use, and the bound on it.
struct Pair {
    used: IntGaugeVec,
    limit: IntGaugeVec,
}

impl Pair {
    fn new(prefix: &str, whose: &str, labels: &[&str]) -> prometheus::Result<Self> {
        let family = |name: &str, help: String| {
            IntGaugeVec::new(Opts::new(format!("cartridge_warp_{prefix}{name}"), help), labels)
        };
        Ok(Self {
            used: family("resource_in_use", format!("What the process holds because of {whose}."))?,
            limit: family(
                "resource_limit",
                format!("The most that it may hold because of {whose}."),
            )?,
        })
    }

    fn reset(&self) {
        self.used.reset();
        self.limit.reset();
    }

    /// Something without a bound has no series for it.
    fn set(&self, labels: &[&str], used: u64, limit: u64) {
        let value = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
        self.used.with_label_values(labels).set(value(used));
        if limit < u64::MAX {
            self.limit.with_label_values(labels).set(value(limit));
        }
    }

    fn families(&self) -> impl Iterator<Item = MetricFamily> {
        self.used.collect().into_iter().chain(self.limit.collect())
    }
}

impl Resources {
    pub(super) fn new(ledger: Ledger) -> prometheus::Result<Self> {
        let plugins = Pair::new("plugin_", "a connector", &["plugin", "role", "resource"])?;
        let process = Pair::new("", "all connectors", &["resource"])?;
        Ok(Self { ledger, plugins, process, filling: Mutex::default() })
    }
}

impl Collector for Resources {
    fn desc(&self) -> Vec<&Desc> {
        let Self { plugins, process, .. } = self;
        let families = [&plugins.used, &plugins.limit, &process.used, &process.limit];
        families.into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _filling = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        self.plugins.reset();
        self.process.reset();
        let mut plugins: BTreeMap<(String, Role, Resource), (u64, u64)> = BTreeMap::new();
        for Usage { plugin, resource, used, max } in self.ledger.usage() {
            let Some((role, name)) = plugin else {
                self.process.set(&[resource.word()], used, max);
                continue;
            };
            let full = plugins.len() >= PLUGINS_MAX * Resource::ALL.len();
            let mut key = (name, role, resource);
            if full && !plugins.contains_key(&key) {
                key.0 = OTHER.to_owned();
            }
            let sum = plugins.entry(key).or_default();
            *sum = (sum.0.saturating_add(used), sum.1.saturating_add(max));
        }
        for ((name, role, resource), (used, max)) in &plugins {
            self.plugins.set(&[name, role.word(), resource.word()], *used, *max);
        }
        self.plugins.families().chain(self.process.families()).collect()
    }
}
