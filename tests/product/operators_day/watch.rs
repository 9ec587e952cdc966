//! How far the destination is behind, looked at all day.

use std::{
    fmt,
    sync::{Arc, Mutex},
    thread::{JoinHandle, sleep, spawn},
    time::{Duration, Instant},
};

use super::server::Server;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// The longest that the destination was behind, and what happened by then.
#[derive(Clone, Debug, Default)]
pub struct Worst {
    pub lag: Duration,
    step: String,
    /// What each step came to.
    all: Vec<(String, Duration)>,
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "behind by {:?} at most, while: {}", self.lag, self.step)?;
        self.all.iter().try_for_each(|(step, lag)| writeln!(f, "{lag:>12?}  {step}"))
    }
}

#[derive(Debug, Default)]
struct Shared {
    step: String,
    /// Nobody expects anything to arrive.
    is_standstill: bool,
    is_over: bool,
    worst: Worst,
}

/// Looks until it is stopped.
pub struct Watch {
    shared: Arc<Mutex<Shared>>,
    thread: JoinHandle<()>,
}

impl Watch {
    pub fn start(destination: Server) -> Self {
        let shared = Arc::new(Mutex::new(Shared { is_standstill: true, ..Shared::default() }));
        let seen = Arc::clone(&shared);
        let thread = spawn(move || {
            // When something new was seen last. A server that does not answer has nothing new.
            let (mut last, mut since) = (String::new(), Instant::now());
            loop {
                let now = destination.ask("SELECT max(id) FROM pulse").unwrap_or_default().join("");
                let is_new = !now.is_empty() && now != last;
                let mut shared = seen.lock().unwrap();
                if shared.is_over {
                    return;
                }
                // After a standstill it counts again once something arrived.
                if shared.is_standstill {
                    since = Instant::now();
                } else {
                    shared.note(since.elapsed());
                }
                drop(shared);
                if is_new {
                    (last, since) = (now, Instant::now());
                }
                sleep(PAUSE);
            }
        });
        Self { shared, thread }
    }

    /// What happens from now on.
    pub fn during(&self, step: &str) {
        let mut shared = self.shared.lock().unwrap();
        step.clone_into(&mut shared.step);
        shared.is_standstill = false;
    }

    /// Until the next step, nothing is expected to arrive.
    pub fn expect_nothing(&self) {
        self.shared.lock().unwrap().is_standstill = true;
    }

    pub fn stop(self) -> Worst {
        self.shared.lock().unwrap().is_over = true;
        self.thread.join().unwrap();
        self.shared.lock().unwrap().worst.clone()
    }
}

impl Shared {
    fn note(&mut self, lag: Duration) {
        let (step, worst) = (self.step.clone(), &mut self.worst);
        match worst.all.last_mut().filter(|(last, _)| *last == step) {
            Some((_, most)) => *most = lag.max(*most),
            None => worst.all.push((step.clone(), lag)),
        }
        if lag > worst.lag {
            (worst.lag, worst.step) = (lag, step);
        }
    }
}
