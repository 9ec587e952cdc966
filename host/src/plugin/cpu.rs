//! Shares of the CPU, so that guests that compute without end do not starve the others.
//!
//! All instances with one label (a schema) are a group. While more guests want the CPU than there
//! are cores, a group that had more of it than the one that had least waits at its next tick, until
//! it has not, or until a core is free. So a group's share does not grow with its number of
//! instances, and one that wants little gets it at once. Nothing is taken from anybody while a core
//! is free.
//!
//! Shares are of time that was used (the thread's own clock), divided by the group's weight. What a
//! group did not use is not saved up for longer than [`CREDIT`].

use std::{
    collections::HashMap,
    future::Future,
    num::NonZeroU32,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use super::limits::CPU_WEIGHT;

/// How far a group may be ahead of the one that had least.
const AHEAD: Duration = Duration::from_millis(20);
/// The most that a group is owed for the time in which it wanted less than its share.
const CREDIT: Duration = Duration::from_millis(200);
/// How often a waiting guest looks whether it is its turn.
const LOOK: Duration = Duration::from_millis(5);
/// The longest that a guest waits for its turn at a time, so that each gets on.
pub(super) const TURN_WAIT_MAX: Duration = Duration::from_secs(1);
/// A guest that did not come by for this long waits inside the system, e.g. for a disk.
const BLOCKED_AFTER: Duration = Duration::from_millis(500);

/// The process's CPU among the groups. Clones are one.
#[derive(Clone)]
pub(super) struct Shares(Arc<Inner>);

struct Inner {
    cores: usize,
    started: Instant,
    groups: Mutex<Groups>,
}

#[derive(Default)]
struct Groups {
    by_label: HashMap<Arc<str>, Group>,
    /// What the group with least had, at its highest: newcomers begin there.
    clock: Duration,
}

#[derive(Default)]
struct Group {
    /// CPU time by weight.
    used: Duration,
    guests: Vec<Arc<Guest>>,
}

/// What one instance does just now.
#[derive(Default)]
struct Guest {
    /// Since when it runs, in milliseconds of the engine, plus one; 0 while it does not.
    runs_since: AtomicU64,
    /// It wants to run and it is not its turn.
    waits: AtomicBool,
}

/// An instance's place in its group. Dropping it leaves.
pub(super) struct Member {
    shares: Shares,
    label: Arc<str>,
    weight: NonZeroU32,
    guest: Arc<Guest>,
    /// The thread's clock when it was read last, in nanoseconds; 0 while no thread runs the guest.
    counted: AtomicU64,
    /// What it used and [`Member::count`] has not answered, in nanoseconds.
    untold: AtomicU64,
}

impl Shares {
    pub(super) fn new(cores: usize) -> Self {
        let groups = Mutex::default();
        Self(Arc::new(Inner { cores: cores.max(1), started: Instant::now(), groups }))
    }

    pub(super) fn join(&self, label: &Arc<str>, weight: NonZeroU32) -> Arc<Member> {
        let guest = Arc::new(Guest::default());
        let mut groups = self.groups();
        let clock = groups.clock;
        let group = groups.by_label.entry(Arc::clone(label)).or_default();
        if group.guests.is_empty() {
            group.used = clock;
        }
        group.guests.push(Arc::clone(&guest));
        let (shares, label) = (self.clone(), Arc::clone(label));
        let (counted, untold) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Member { shares, label, weight, guest, counted, untold })
    }

    fn groups(&self) -> std::sync::MutexGuard<'_, Groups> {
        // Numbers are valid in any state.
        self.0.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn millis(&self) -> u64 {
        self.0.started.elapsed().as_millis() as u64
    }
}

impl Groups {
    /// True when the guest may go on. It is counted as running or as waiting from now on.
    fn may_run(&mut self, label: &str, guest: &Guest, cores: usize, now: u64) -> bool {
        let mut least = Duration::MAX;
        let mut running = 0_usize;
        let owed_from = self.clock.saturating_sub(CREDIT);
        for group in self.by_label.values_mut() {
            let runs = group.guests.iter().filter(|other| other.runs(now)).count();
            let waits = group.guests.iter().any(|other| other.waits.load(Ordering::Relaxed));
            if runs > 0 || waits {
                group.used = group.used.max(owed_from);
                least = least.min(group.used);
                running += runs;
            }
        }
        // It runs itself: it is asking.
        running = running.saturating_sub(usize::from(guest.runs(now)));
        let used = self.by_label.get(label).map_or(Duration::ZERO, |group| group.used);
        self.clock = self.clock.max(least.min(used));
        let may = running < cores || used <= least.saturating_add(AHEAD);
        guest.waits.store(!may, Ordering::Relaxed);
        may
    }
}

impl Guest {
    fn runs(&self, now: u64) -> bool {
        let since = self.runs_since.load(Ordering::Relaxed);
        let came_by =
            now.saturating_sub(since.saturating_sub(1)) < BLOCKED_AFTER.as_millis() as u64;
        since > 0 && came_by && !self.waits.load(Ordering::Relaxed)
    }
}

impl Member {
    /// Around each stretch in which the guest may compute: on one thread, which may be another one
    /// each time.
    pub(super) fn begin(&self) {
        self.guest.runs_since.store(self.shares.millis() + 1, Ordering::Relaxed);
        self.counted.store(thread_clock(), Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.charge();
        self.counted.store(0, Ordering::Relaxed);
        self.guest.runs_since.store(0, Ordering::Relaxed);
    }

    /// What the guest used since the last call of this.
    pub(super) fn count(&self) -> Duration {
        self.charge();
        Duration::from_nanos(self.untold.swap(0, Ordering::Relaxed))
    }

    /// Charges what the thread that runs the guest used since the last call of this. Called on it.
    fn charge(&self) {
        let before = self.counted.load(Ordering::Relaxed);
        if before == 0 {
            return;
        }
        let now = thread_clock();
        self.counted.store(now, Ordering::Relaxed);
        let used = now.saturating_sub(before);
        self.untold.fetch_add(used, Ordering::Relaxed);
        if let Some(group) = self.shares.groups().by_label.get_mut(&self.label) {
            let used = Duration::from_nanos(used);
            group.used += used * CPU_WEIGHT.get() / self.weight.get();
        }
    }

    /// At a tick: true when the guest may go on at once.
    pub(super) fn may_run(&self) -> bool {
        let now = self.shares.millis();
        self.guest.runs_since.store(now + 1, Ordering::Relaxed);
        let cores = self.shares.0.cores;
        self.shares.groups().may_run(&self.label, &self.guest, cores, now)
    }

    /// Waits until it is the guest's turn.
    pub(super) async fn turn(self: Arc<Self>) {
        let _waiting = Waiting(&self.guest);
        let begun = Instant::now();
        while begun.elapsed() < TURN_WAIT_MAX {
            tokio::time::sleep(LOOK).await;
            if self.may_run() {
                return;
            }
        }
    }
}

/// Ends the waiting, also of a call that is given up meanwhile.
struct Waiting<'a>(&'a Guest);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waits.store(false, Ordering::Relaxed);
    }
}

/// The work with its stretches of computing marked.
pub(super) fn watched<'a, T>(
    member: Arc<Member>,
    mut work: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
) -> impl Future<Output = T> + Send + use<'a, T> {
    std::future::poll_fn(move |context| {
        member.begin();
        let polled = work.as_mut().poll(context);
        member.end();
        polled
    })
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut groups = self.shares.groups();
        if let Some(group) = groups.by_label.get_mut(&self.label) {
            group.guests.retain(|guest| !Arc::ptr_eq(guest, &self.guest));
        }
        groups.by_label.retain(|_, group| !group.guests.is_empty());
    }
}

fn thread_clock() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let nanoseconds = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    u64::try_from(nanoseconds).unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHT: NonZeroU32 = CPU_WEIGHT;

    fn join(shares: &Shares, label: &str, weight: NonZeroU32) -> Arc<Member> {
        let member = shares.join(&label.into(), weight);
        member.begin();
        member
    }

    fn use_up(member: &Member, millis: u32) {
        let used = Duration::from_millis(millis.into()) * CPU_WEIGHT.get() / member.weight.get();
        member.shares.groups().by_label.get_mut(&member.label).unwrap().used += used;
    }

    #[test]
    fn nobody_waits_while_a_core_is_free() {
        let shares = Shares::new(2);
        let (one, other) = (join(&shares, "a", WEIGHT), join(&shares, "b", WEIGHT));
        use_up(&one, 10_000);
        assert!(one.may_run() && other.may_run());
    }

    #[test]
    fn a_group_that_had_more_waits_for_the_one_that_had_least() {
        let shares = Shares::new(2);
        let noisy: Vec<_> = (0..10).map(|_| join(&shares, "noisy", WEIGHT)).collect();
        assert!(noisy.iter().all(|member| member.may_run()), "alone it may use everything");
        use_up(&noisy[0], 1_000);
        let quiet = join(&shares, "quiet", WEIGHT);
        assert!(quiet.may_run());
        let running = noisy.iter().filter(|member| member.may_run()).count();
        assert_eq!(running, 1, "one core is left beside the quiet one");
        quiet.end();
        assert!(noisy.iter().filter(|member| member.may_run()).count() > 1, "it is not wanted");
    }

    #[test]
    fn what_was_not_used_is_owed_for_a_moment_only() {
        let shares = Shares::new(1);
        let (busy, idle) = (join(&shares, "busy", WEIGHT), join(&shares, "idle", WEIGHT));
        idle.end();
        use_up(&busy, 10_000);
        assert!(busy.may_run());
        idle.begin();
        assert!(idle.may_run() && !busy.may_run());
        use_up(&idle, (CREDIT + 2 * AHEAD).as_millis() as u32);
        assert!(busy.may_run() && !idle.may_run(), "it had its share and what it was owed");
    }

    #[test]
    fn a_weight_is_a_larger_share() {
        let shares = Shares::new(1);
        let heavy = join(&shares, "heavy", NonZeroU32::new(4 * CPU_WEIGHT.get()).unwrap());
        let light = join(&shares, "light", WEIGHT);
        use_up(&heavy, 400);
        use_up(&light, 100);
        assert!(heavy.may_run() && light.may_run());
        use_up(&light, 100);
        assert!(heavy.may_run() && !light.may_run());
    }

    #[test]
    fn a_guest_that_the_system_keeps_wants_no_cpu() {
        let shares = Shares::new(1);
        let (busy, stuck) = (join(&shares, "busy", WEIGHT), join(&shares, "stuck", WEIGHT));
        use_up(&busy, 1_000);
        assert!(!busy.may_run());
        stuck.guest.runs_since.store(1, Ordering::Relaxed);
        let later = BLOCKED_AFTER.as_millis() as u64 + 1;
        assert!(shares.groups().may_run("busy", &busy.guest, 1, later));
    }

    #[test]
    fn a_label_without_instances_is_forgotten() {
        let shares = Shares::new(1);
        drop(join(&shares, "a", WEIGHT));
        assert!(shares.groups().by_label.is_empty());
    }
}
