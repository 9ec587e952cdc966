//! Look-ups that are under way.
//!
//! A name server that never answers keeps a thread for as long as the system likes. One name is
//! therefore looked up once at a time, whoever asks how often, and a plugin's threads are bounded:
//! its own dials wait for each other, those of its neighbours don't (I7).

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::watch;

use super::{
    limits::{LOOKUP_SHARED_MAX, LOOKUPS_MAX, LOOKUPS_OF_PLUGIN_MAX},
    resolve::Resolver,
    workers::{Owner, Workers},
};

type Answer = Result<Vec<IpAddr>, (io::ErrorKind, String)>;

/// Looks names up for all instances of the process.
pub(in crate::plugin) struct Lookups {
    resolver: Arc<dyn Resolver>,
    workers: Workers,
    running: Mutex<HashMap<String, Running>>,
}

struct Running {
    since: Instant,
    answer: watch::Receiver<Option<Answer>>,
}

impl Running {
    /// Ended ones are forgotten: nothing is remembered of an answer.
    fn is_alive(&self) -> bool {
        self.answer.has_changed().is_ok()
    }
}

impl Lookups {
    pub(super) fn new(resolver: Arc<dyn Resolver>) -> Self {
        let workers = Workers::new("lookup", LOOKUPS_OF_PLUGIN_MAX, LOOKUPS_MAX);
        Self { resolver, workers, running: Mutex::default() }
    }

    /// The addresses of a name, asked for now or by a look-up that is under way.
    pub(super) async fn lookup(&self, name: &str, owner: &Owner) -> io::Result<Vec<IpAddr>> {
        let joined = Self::joined(&self.running(), name);
        let mut answer = match joined {
            Some(answer) => answer,
            None => self.begun(name, owner).await?,
        };
        let answer = answer.wait_for(Option::is_some).await;
        let answer = answer.map_err(|_| io::Error::other("the look-up broke off"))?;
        match answer.as_ref() {
            Some(Ok(found)) => Ok(found.clone()),
            Some(Err((kind, words))) => Err(io::Error::new(*kind, words.clone())),
            None => Err(io::Error::other("the look-up broke off")),
        }
    }

    /// A look-up that began lately enough to speak for one that would begin now.
    fn joined(
        running: &HashMap<String, Running>,
        name: &str,
    ) -> Option<watch::Receiver<Option<Answer>>> {
        let found = running.get(name).filter(|running| running.is_alive())?;
        (found.since.elapsed() < LOOKUP_SHARED_MAX).then(|| found.answer.clone())
    }

    async fn begun(
        &self,
        name: &str,
        owner: &Owner,
    ) -> io::Result<watch::Receiver<Option<Answer>>> {
        let turn = self.workers.turn(owner).await?;
        let mut running = self.running();
        // Somebody else may have begun while this one waited.
        if let Some(answer) = Self::joined(&running, name) {
            return Ok(answer);
        }
        running.retain(|_, running| running.is_alive());
        let (tell, answer) = watch::channel(None);
        let (resolver, asked) = (Arc::clone(&self.resolver), name.to_owned());
        self.workers.spawn(turn, move || {
            let found = resolver.lookup(&asked);
            let found = found.map_err(|error| (error.kind(), error.to_string()));
            tell.send_replace(Some(found));
        })?;
        let since = Instant::now();
        running.insert(name.to_owned(), Running { since, answer: answer.clone() });
        Ok(answer)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Condvar, time::Duration};

    use tokio::time::timeout;

    use super::*;
    use crate::plugin::{Answers, Bounds, Ledger, Resource, Role, Service, Usage};

    const MOMENT: Duration = Duration::from_millis(50);
    const PATIENCE: Duration = Duration::from_secs(60);

    /// A name server that answers for `good`, and for others once it is told to.
    #[derive(Default)]
    struct Silent {
        asked: Mutex<Vec<String>>,
        speaks: Mutex<bool>,
        told: Condvar,
    }

    impl Silent {
        fn speak(&self) {
            *self.speaks.lock().unwrap() = true;
            self.told.notify_all();
        }

        fn asked(&self) -> usize {
            self.asked.lock().unwrap().len()
        }
    }

    impl Resolver for Silent {
        fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
            self.asked.lock().unwrap().push(name.to_owned());
            let waits = |speaks: &mut bool| !*speaks && name != "good";
            drop(self.told.wait_while(self.speaks.lock().unwrap(), waits).unwrap());
            Ok(vec![IpAddr::from([127, 0, 0, 1])])
        }

        fn services<'a>(&'a self, _: &'a str) -> Answers<'a, Service> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn texts<'a>(&'a self, _: &'a str) -> Answers<'a, String> {
            Box::pin(async { Ok(Vec::new()) })
        }
    }

    fn owner(ledger: &Ledger, plugin: &str, bounds: Bounds) -> Owner {
        let account = ledger.account(Role::Source, plugin, bounds);
        Owner { role: Role::Source, plugin: plugin.into(), account }
    }

    /// Threads of all plugins.
    fn threads(ledger: &Ledger) -> u64 {
        let usage = ledger.usage().into_iter();
        let of_process = |usage: &Usage| usage.plugin.is_none();
        usage.filter(of_process).filter(|u| u.resource == Resource::Threads).map(|u| u.used).sum()
    }

    /// Waits for threads to begin or to end.
    async fn until(what: &str, is_true: impl Fn() -> bool) {
        let waits = async {
            while !is_true() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, waits).await.unwrap_or_else(|_| panic!("{what}"));
    }

    #[tokio::test]
    async fn dials_that_gave_up_cost_threads_until_the_system_answers_and_no_more_than_a_few() {
        let (server, ledger) = (Arc::new(Silent::default()), Ledger::new(Bounds::UNBOUNDED));
        let lookups = Arc::new(Lookups::new(server.clone()));
        let hostile = owner(&ledger, "hostile", Bounds::UNBOUNDED);
        let names: Vec<String> = (0..100).map(|n| format!("n{n}")).collect();
        for name in names.iter().cycle().take(300) {
            let gave_up = timeout(Duration::from_millis(1), lookups.lookup(name, &hostile)).await;
            assert!(gave_up.is_err(), "nobody answers");
        }
        assert_eq!(server.asked(), LOOKUPS_OF_PLUGIN_MAX);
        let threads = || threads(&ledger);
        assert_eq!(threads(), LOOKUPS_OF_PLUGIN_MAX as u64, "nobody waits, and they still cost");
        // A neighbour's dial to another name goes on, and so does one to the same name later.
        let neighbour = owner(&ledger, "neighbour", Bounds::UNBOUNDED);
        let found = timeout(PATIENCE, lookups.lookup("good", &neighbour)).await.unwrap();
        assert_eq!(found.unwrap().len(), 1);
        server.speak();
        until("the threads end", || threads() == 0).await;
        assert_eq!(lookups.lookup("n99", &hostile).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn one_name_is_asked_for_once_at_a_time() {
        let (server, ledger) = (Arc::new(Silent::default()), Ledger::new(Bounds::UNBOUNDED));
        let lookups = Arc::new(Lookups::new(server.clone()));
        let mut waiting = Vec::new();
        for n in 0..200 {
            let (lookups, owner) =
                (lookups.clone(), owner(&ledger, &format!("p{}", n % 3), Bounds::UNBOUNDED));
            waiting.push(tokio::spawn(async move { lookups.lookup("db", &owner).await }));
        }
        tokio::time::sleep(MOMENT).await;
        server.speak();
        for answer in waiting {
            assert_eq!(timeout(PATIENCE, answer).await.unwrap().unwrap().unwrap().len(), 1);
        }
        let asked = server.asked.lock().unwrap().iter().cloned().collect::<HashSet<_>>();
        assert_eq!((asked.len(), server.asked()), (1, 1));
        // An answer is not remembered.
        let owner = owner(&ledger, "p0", Bounds::UNBOUNDED);
        until("the look-up is over", || threads(&ledger) == 0).await;
        lookups.lookup("db", &owner).await.unwrap();
        assert_eq!(server.asked(), 2);
    }

    #[tokio::test]
    async fn a_bound_of_threads_is_named() {
        let (server, ledger) = (Arc::new(Silent::default()), Ledger::new(Bounds::UNBOUNDED));
        let lookups = Lookups::new(server);
        let none = Bounds { threads_max: 0, ..Bounds::UNBOUNDED };
        let error = lookups.lookup("good", &owner(&ledger, "p", none)).await.unwrap_err();
        assert!(error.to_string().contains("`source.limits.threads` (0)"), "{error}");
    }
}
