//! What plugins make the host hold, counted while it is held (I7).
//!
//! Two accounts stand above each other: a plugin's, which all its instances of one role share, and
//! the process's. What a guest makes the host hold is charged to both for as long as the [`Charge`]
//! lives, whoever holds it by then: an instance that is being torn down or a look-up that nobody
//! waits for still costs. Reaching a bound refuses the next charge by the name of the key that sets
//! it; what the refusal means (an error code, a failed growth, the end of the instance) is for the
//! module that asked.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Role;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Bytes: linear memories, tables, and what the host keeps of guests' data.
    Memory,
    /// Open files and sockets of the system.
    Descriptors,
    /// Threads of instances and of look-ups.
    Threads,
}

impl Resource {
    pub const ALL: [Self; 3] = [Self::Memory, Self::Descriptors, Self::Threads];

    /// The word in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Descriptors => "descriptors",
            Self::Threads => "threads",
        }
    }

    /// The key below `limits` that bounds it for all instances of a plugin.
    fn plugin_key(self) -> &'static str {
        match self {
            Self::Memory => "memory_total",
            other => other.word(),
        }
    }
}

/// The most that may be held at a time, by [`Resource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub memory_bytes_max: u64,
    pub descriptors_max: u64,
    pub threads_max: u64,
}

impl Bounds {
    /// For tests, and for who has an engine without a configuration.
    pub const UNBOUNDED: Self =
        Self { memory_bytes_max: u64::MAX, descriptors_max: u64::MAX, threads_max: u64::MAX };

    fn of(&self, resource: Resource) -> u64 {
        match resource {
            Resource::Memory => self.memory_bytes_max,
            Resource::Descriptors => self.descriptors_max,
            Resource::Threads => self.threads_max,
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::UNBOUNDED
    }
}

/// A bound is reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} in use reach `{key}` ({max})")]
pub struct Exhausted {
    /// `bytes of memory`, `open files and sockets`, `threads`.
    pub what: &'static str,
    /// The configuration key that sets the bound.
    pub key: String,
    pub max: u64,
}

/// What is in use of one resource, for metrics. Without a plugin it is the process's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    pub plugin: Option<(Role, String)>,
    pub resource: Resource,
    pub used: u64,
    pub max: u64,
}

/// The account of the process, and those of its plugins. Clones are one ledger.
#[derive(Clone)]
pub struct Ledger {
    process: Arc<Node>,
    plugins: Arc<Mutex<Plugins>>,
}

/// Accounts by role and name, as long as somebody has one.
type Plugins = HashMap<(Role, String), Weak<Node>>;

/// A plugin's account. Clones are one account.
#[derive(Clone)]
pub(super) struct Account(Arc<Node>);

/// An amount in use. Dropping it gives it back.
#[must_use]
pub(super) struct Charge {
    account: Account,
    resource: Resource,
    amount: u64,
}

struct Node {
    /// What stands before the last word of a key: `source.limits.`.
    prefix: String,
    bounds: Mutex<Bounds>,
    used: [AtomicU64; Resource::ALL.len()],
    above: Option<Arc<Node>>,
}

impl Ledger {
    pub fn new(bounds: Bounds) -> Self {
        let process = Node::new("limits.".to_owned(), bounds, None);
        Self { process, plugins: Arc::default() }
    }

    /// The account that all instances of a plugin share. The bounds hold from now on.
    pub(super) fn account(&self, role: Role, plugin: &str, bounds: Bounds) -> Account {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (role, plugin.to_owned());
        if let Some(node) = plugins.get(&key).and_then(Weak::upgrade) {
            *node.bounds.lock().unwrap_or_else(PoisonError::into_inner) = bounds;
            return Account(node);
        }
        plugins.retain(|_, node| node.strong_count() > 0);
        let above = Some(Arc::clone(&self.process));
        let node = Node::new(format!("{}.limits.", role.word()), bounds, above);
        plugins.insert(key, Arc::downgrade(&node));
        Account(node)
    }

    /// What is in use now: the process's, then each plugin's that has instances.
    pub fn usage(&self) -> Vec<Usage> {
        let mut usage = self.process.usage(None);
        let plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        for (plugin, node) in plugins.iter() {
            let node = node.upgrade();
            usage.extend(node.iter().flat_map(|node| node.usage(Some(plugin))));
        }
        usage
    }
}

impl Account {
    /// Counts an amount, or says which bound it would pass.
    pub(super) fn charge(&self, resource: Resource, amount: u64) -> Result<Charge, Exhausted> {
        self.0.take(resource, amount)?;
        Ok(Charge { account: self.clone(), resource, amount })
    }

    /// A charge that is to grow.
    pub(super) fn nothing(&self, resource: Resource) -> Charge {
        Charge { account: self.clone(), resource, amount: 0 }
    }

    #[cfg(test)]
    pub(super) fn used(&self, resource: Resource) -> u64 {
        self.0.used[resource as usize].load(Ordering::Relaxed)
    }
}

impl Charge {
    /// Makes it another amount; at a bound it stays what it was.
    pub(super) fn resize(&mut self, amount: u64) -> Result<(), Exhausted> {
        match amount.checked_sub(self.amount) {
            Some(more) => self.account.0.take(self.resource, more)?,
            None => self.account.0.give_back(self.resource, self.amount - amount),
        }
        self.amount = amount;
        Ok(())
    }

    pub(super) fn amount(&self) -> u64 {
        self.amount
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.0.give_back(self.resource, self.amount);
    }
}

impl Node {
    fn new(prefix: String, bounds: Bounds, above: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self { prefix, bounds: Mutex::new(bounds), used: Default::default(), above })
    }

    fn take(&self, resource: Resource, amount: u64) -> Result<(), Exhausted> {
        let max = self.max(resource);
        let add = |used: u64| used.checked_add(amount).filter(|sum| *sum <= max || amount == 0);
        let added =
            self.used[resource as usize].fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        added.map_err(|_| self.exhausted(resource, max))?;
        let Some(above) = &self.above else { return Ok(()) };
        above.take(resource, amount).inspect_err(|_| self.subtract(resource, amount))
    }

    fn give_back(&self, resource: Resource, amount: u64) {
        self.subtract(resource, amount);
        if let Some(above) = &self.above {
            above.give_back(resource, amount);
        }
    }

    fn subtract(&self, resource: Resource, amount: u64) {
        self.used[resource as usize].fetch_sub(amount, Ordering::Relaxed);
    }

    fn max(&self, resource: Resource) -> u64 {
        self.bounds.lock().unwrap_or_else(PoisonError::into_inner).of(resource)
    }

    fn exhausted(&self, resource: Resource, max: u64) -> Exhausted {
        let what = match resource {
            Resource::Memory => "bytes of memory",
            Resource::Descriptors => "open files and sockets",
            Resource::Threads => "threads",
        };
        let word = if self.above.is_some() { resource.plugin_key() } else { resource.word() };
        Exhausted { what, key: format!("{}{word}", self.prefix), max }
    }

    fn usage(&self, plugin: Option<&(Role, String)>) -> Vec<Usage> {
        let usage = |resource: Resource| Usage {
            plugin: plugin.cloned(),
            resource,
            used: self.used[resource as usize].load(Ordering::Relaxed),
            max: self.max(resource),
        };
        Resource::ALL.map(usage).to_vec()
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.amount, self.resource.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(memory_bytes_max: u64) -> Bounds {
        Bounds { memory_bytes_max, ..Bounds::UNBOUNDED }
    }

    #[test]
    fn a_plugins_bound_and_the_processs_are_told_apart_by_their_keys() {
        let ledger = Ledger::new(bounds(100));
        let source = ledger.account(Role::Source, "a", bounds(80));
        let destination = ledger.account(Role::Destination, "a", bounds(80));
        let held = source.charge(Resource::Memory, 60).unwrap();
        let error = source.charge(Resource::Memory, 30).unwrap_err();
        assert_eq!(
            error.to_string(),
            "bytes of memory in use reach `source.limits.memory_total` (80)"
        );
        let error = destination.charge(Resource::Memory, 50).unwrap_err();
        assert_eq!(error.key, "limits.memory");
        assert_eq!(destination.used(Resource::Memory), 0, "a refusal leaves nothing behind");
        drop(held);
        assert!(destination.charge(Resource::Memory, 50).is_ok());
    }

    #[test]
    fn instances_share_their_plugins_account_as_long_as_one_lives() {
        let ledger = Ledger::new(Bounds::UNBOUNDED);
        let first = ledger.account(Role::Source, "a", bounds(10));
        let held = first.charge(Resource::Memory, 10).unwrap();
        drop(first);
        let second = ledger.account(Role::Source, "a", bounds(10));
        assert_eq!(second.used(Resource::Memory), 10, "the charge keeps the account");
        drop((held, second));
        assert_eq!(ledger.account(Role::Source, "a", bounds(10)).used(Resource::Memory), 0);
    }

    #[test]
    fn a_charge_grows_and_shrinks_within_the_bounds() {
        let ledger = Ledger::new(bounds(10));
        let account = ledger.account(Role::Source, "a", Bounds::UNBOUNDED);
        let mut charge = account.charge(Resource::Memory, 4).unwrap();
        charge.resize(10).unwrap();
        assert!(charge.resize(11).is_err());
        assert_eq!((charge.amount(), account.used(Resource::Memory)), (10, 10));
        charge.resize(1).unwrap();
        assert_eq!(account.used(Resource::Memory), 1);
        let process = ledger.usage().into_iter().find(|usage| usage.plugin.is_none());
        assert_eq!(process.map(|usage| (usage.used, usage.max)), Some((1, 10)));
    }

    #[test]
    fn many_threads_never_pass_a_bound() {
        let ledger = Ledger::new(bounds(1_000));
        std::thread::scope(|scope| {
            for n in 0..4 {
                let account = ledger.account(Role::Source, &format!("p{n}"), Bounds::UNBOUNDED);
                let ledger = &ledger;
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        let _held = account.charge(Resource::Memory, 400);
                        assert!(ledger.process.used[0].load(Ordering::Relaxed) <= 1_000);
                    }
                });
            }
        });
        assert!(ledger.usage().iter().all(|usage| usage.used == 0));
    }
}
