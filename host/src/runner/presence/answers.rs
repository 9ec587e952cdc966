//! Answers for a run: that it is alive, and which schemas it holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};

use super::{
    LOOK_EVERY, is_locked_file,
    room::{Answer, Room},
};
use crate::{
    plugin::{DestinationConnection, PluginError},
    runner::{error::RunError, side::Endpoint},
};

/// How long a look may wait for a commit over the same connection; then it is given one of its own.
const BUSY_MAX: Duration = Duration::from_secs(2);
/// A connection of its own is closed when nobody has asked for so long.
const UNASKED_MAX: Duration = Duration::from_secs(60);
/// How long a run that ends may take to remove its answer.
const LEAVE_MAX: Duration = Duration::from_secs(2);

/// The schemas that this run holds, and its answers.
pub struct Held {
    destination: Endpoint,
    room: Room,
    schemas: Mutex<BTreeMap<String, DestinationConnection>>,
    has_answered: AtomicBool,
}

/// A schema that is held, until it is dropped.
#[must_use]
pub struct Holding {
    held: Arc<Held>,
    schema: String,
}

/// What a run remembers between two looks.
#[derive(Default)]
struct Looks {
    /// A connection of its own: a commit may take longer than a waiting run has patience.
    own: Option<DestinationConnection>,
    answered: Option<String>,
    asked_at: Option<Instant>,
}

impl Held {
    /// Nothing is held yet.
    pub fn new(destination: Endpoint, pipeline: &str, run: &str) -> Self {
        let room = Room::new(pipeline, run);
        Self { destination, room, schemas: Mutex::default(), has_answered: AtomicBool::default() }
    }

    /// The schema was claimed over this connection, and is held from now on.
    pub fn hold(self: &Arc<Self>, schema: &str, over: &DestinationConnection) -> Holding {
        self.schemas().insert(schema.to_owned(), over.clone());
        Holding { held: Arc::clone(self), schema: schema.to_owned() }
    }

    /// Answers whoever asks until it is dropped. While nobody asks, all there is is a short read a second.
    pub async fn answer(&self) -> Infallible {
        if is_locked_file(&self.destination) {
            return std::future::pending().await;
        }
        let mut looks = Looks::default();
        loop {
            sleep(LOOK_EVERY).await;
            if let Err(error) = self.look(&mut looks).await {
                // Attempts say what is wrong with the destination.
                tracing::debug!(error = error.chain(), "runs that wait could not be answered");
                looks.own = None;
            }
        }
    }

    /// Removes what this run answered; nothing where it was never asked.
    pub async fn leave(&self) {
        if !self.has_answered.load(Ordering::Relaxed) {
            return;
        }
        let left = async {
            let destination = self.destination.open_destination().await?;
            self.room.leave(&destination).await?;
            destination.close().await;
            Ok::<_, RunError>(())
        };
        // Whoever takes over from a run that could not do it does it.
        let _ = timeout(LEAVE_MAX, left).await;
    }

    async fn look(&self, looks: &mut Looks) -> Result<(), RunError> {
        let held: BTreeSet<String> = self.schemas().keys().cloned().collect();
        let Some(over) = self.schemas().values().next().cloned() else {
            looks.own = None;
            return Ok(());
        };
        let Some(asked) = self.asked(looks, &over).await? else { return Ok(()) };
        if looks.answered.as_ref() == Some(&asked) {
            if looks.asked_at.is_none_or(|at| at.elapsed() >= UNASKED_MAX) {
                looks.own = None;
            }
            return Ok(());
        }
        looks.asked_at = Some(Instant::now());
        self.open_own(looks).await;
        let answer = Answer { asked: asked.clone(), holds: held };
        self.room.answer(looks.own.as_ref().unwrap_or(&over), &answer).await?;
        looks.answered = Some(asked);
        if !self.has_answered.swap(true, Ordering::Relaxed) {
            tracing::info!("another run waits to take over should this one end");
        }
        Ok(())
    }

    async fn asked(
        &self,
        looks: &mut Looks,
        over: &DestinationConnection,
    ) -> Result<Option<String>, PluginError> {
        if looks.own.is_none() {
            match timeout(BUSY_MAX, self.room.asked(over)).await {
                Ok(asked) => return asked,
                Err(_) => self.open_own(looks).await,
            }
        }
        self.room.asked(looks.own.as_ref().unwrap_or(over)).await
    }

    /// A destination that lets no further connection in is answered over that of a schema.
    async fn open_own(&self, looks: &mut Looks) {
        if looks.own.is_none() {
            let opened = self.destination.open_destination().await;
            looks.own = opened
                .inspect_err(|error| {
                    tracing::debug!(error = error.chain(), "no connection to answer over");
                })
                .ok();
        }
    }

    // A write is whole, whoever panics.
    fn schemas(&self) -> MutexGuard<'_, BTreeMap<String, DestinationConnection>> {
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.held.schemas().remove(&self.schema);
    }
}
