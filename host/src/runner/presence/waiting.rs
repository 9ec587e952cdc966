//! Waits for schemas that other runs hold: one connection for all schemas of a process.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

use super::{
    LOOK_EVERY, is_locked_file,
    room::{Answer, Room},
    silence::Silence,
};
use crate::{
    plugin::DestinationConnection,
    runner::{error::RunError, side::Endpoint, state::RUNNER},
};

/// Questions within the time that a holder has for an answer: some may be lost.
const ASKS_PER_TTL: u32 = 4;
/// What a look takes for each schema that is waited for, at most.
const PER_SCHEMA: Duration = Duration::from_millis(20);

/// What a run that waits for a schema sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// Nothing yet.
    #[default]
    Unseen,
    /// Somebody else has it, in words.
    Held { by: String },
    /// The destination cannot be asked.
    Unreachable { error: String },
    /// It may be claimed: nobody has it, or this run, which says nothing any more.
    Free { abandoned: Option<String> },
}

/// The schemas that this run waits for.
pub struct Waiting {
    destination: Endpoint,
    room: Room,
    run: String,
    /// How long a holder may say nothing.
    ttl: Duration,
    schemas: Mutex<BTreeMap<String, watch::Sender<Sight>>>,
    came: Notify,
}

/// What is remembered between two looks.
#[derive(Default)]
struct Looks {
    connection: Option<DestinationConnection>,
    asked_at: Option<Instant>,
    silences: BTreeMap<String, Silence>,
}

impl Waiting {
    /// Nothing is waited for yet.
    pub fn new(destination: Endpoint, pipeline: &str, run: &str, ttl: Duration) -> Self {
        let (room, run) = (Room::new(pipeline, run), run.to_owned());
        Self { destination, room, run, ttl, schemas: Mutex::default(), came: Notify::new() }
    }

    /// Waits for a schema from now on, until it is free or nobody has the answer any more.
    pub fn join(&self, schema: &str) -> watch::Receiver<Sight> {
        let (sender, sight) = watch::channel(Sight::Unseen);
        self.schemas().insert(schema.to_owned(), sender);
        self.came.notify_one();
        sight
    }

    /// Looks after the schemas that are waited for, until it is dropped.
    pub async fn look_on(&self) -> Infallible {
        let mut looks = Looks::default();
        loop {
            let names = self.names();
            if names.is_empty() {
                looks = Looks::default();
                self.came.notified().await;
                continue;
            }
            if let Err(error) = self.look(&mut looks, &names).await {
                // Whoever could not listen begins to listen anew.
                looks = Looks::default();
                self.tell_all(&self.sight_of(&error));
            }
            tokio::select! {
                () = sleep(self.pause(names.len())) => {}
                () = self.came.notified() => {}
            }
        }
    }

    async fn look(&self, looks: &mut Looks, names: &[String]) -> Result<(), RunError> {
        let destination = match &looks.connection {
            Some(connection) => connection.clone(),
            None => looks.connection.insert(self.destination.open_destination().await?).clone(),
        };
        let mut holders = BTreeMap::new();
        for schema in names {
            let holder = destination.get_marker(schema, RUNNER).await?;
            let holder = holder.map(|run| String::from_utf8_lossy(&run).into_owned());
            match holder.filter(|run| *run != self.run) {
                None => self.tell(schema, Sight::Free { abandoned: None }),
                // Nobody else has the file open, so whoever held it is gone.
                Some(run) if is_locked_file(&self.destination) => {
                    self.tell(schema, Sight::Free { abandoned: Some(run) });
                }
                Some(run) => drop(holders.insert(schema.as_str(), run)),
            }
        }
        looks.silences.retain(|schema, _| holders.contains_key(schema.as_str()));
        if holders.is_empty() {
            return Ok(());
        }
        if looks.asked_at.is_none_or(|at| at.elapsed() >= self.ttl / ASKS_PER_TTL) {
            self.room.ask(&destination).await?;
            looks.asked_at = Some(Instant::now());
        }
        let answers = self.answers(&destination, &holders).await?;
        let apart_max = self.pause(names.len()) * 2;
        for (schema, run) in holders {
            let answer = answers.get(&run).filter(|answer| answer.holds.contains(schema));
            let answered = answer.map(|answer| answer.asked.as_str());
            let now = Instant::now();
            let silence = looks.silences.entry(schema.to_owned());
            let silence = silence.or_insert_with(|| Silence::new(&run, answered, now));
            if silence.look(&run, answered, apart_max, now) < self.ttl {
                self.tell(schema, Sight::Held { by: format!("run {run}") });
                continue;
            }
            self.room.forget(&destination, &run).await?;
            looks.silences.remove(schema);
            self.tell(schema, Sight::Free { abandoned: Some(run) });
        }
        Ok(())
    }

    /// The answers of all holders that gave one.
    async fn answers(
        &self,
        destination: &DestinationConnection,
        holders: &BTreeMap<&str, String>,
    ) -> Result<BTreeMap<String, Answer>, RunError> {
        let mut answers = BTreeMap::new();
        for run in holders.values().collect::<BTreeSet<_>>() {
            if let Some(answer) = self.room.answer_of(destination, run).await? {
                answers.insert(run.clone(), answer);
            }
        }
        Ok(answers)
    }

    fn sight_of(&self, error: &RunError) -> Sight {
        if error.is_file_in_use() {
            return Sight::Held { by: "another process, which has its file open".to_owned() };
        }
        Sight::Unreachable { error: error.chain() }
    }

    fn pause(&self, schemas: usize) -> Duration {
        LOOK_EVERY.max(PER_SCHEMA.saturating_mul(u32::try_from(schemas).unwrap_or(u32::MAX)))
    }

    /// Who is told that a schema is free waits no more.
    fn tell(&self, schema: &str, sight: Sight) {
        let is_free = matches!(sight, Sight::Free { .. });
        let mut schemas = self.schemas();
        if let Some(sender) = schemas.get(schema) {
            sender.send_if_modified(|seen| std::mem::replace(seen, sight.clone()) != sight);
        }
        if is_free {
            schemas.remove(schema);
        }
    }

    fn tell_all(&self, sight: &Sight) {
        for schema in self.names() {
            self.tell(&schema, sight.clone());
        }
    }

    /// The schemas that somebody waits for.
    fn names(&self) -> Vec<String> {
        let mut schemas = self.schemas();
        schemas.retain(|_, sender| sender.receiver_count() > 0);
        schemas.keys().cloned().collect()
    }

    // A write is whole, whoever panics.
    fn schemas(&self) -> MutexGuard<'_, BTreeMap<String, watch::Sender<Sight>>> {
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
