//! Secrets that the operator granted by name, read when somebody asks for one (I10).
//!
//! A variable and a file are read each time. A command is run at most once within its `ttl`, by one
//! caller while the others wait. What could not be read is not tried again at once, so a guest that
//! keeps asking starts no process each time.

mod command;
mod file;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::{limits::WORD_BYTES_MAX, text};
use crate::model::redaction;

/// How long a failure is the answer.
const FAILED_FOR: Duration = Duration::from_secs(1);

/// Where the host finds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// An environment variable of this name.
    Env(String),
    /// The content of a file.
    File(PathBuf),
    /// What a program prints, for as long as `ttl`.
    Command { program: PathBuf, arguments: Vec<String>, directory: PathBuf, ttl: Duration },
}

/// Why there is no secret. Never holds one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("no secret `{0}` is granted; name it under `grants.secrets`")]
    NotGranted(String),
    #[error("the environment variable `{0}` is not set")]
    Unset(String),
    #[error("the file {path} {reason}", path = .path.display())]
    File { path: PathBuf, reason: String },
    #[error("the command {program} {reason}", program = .program.display())]
    Command { program: PathBuf, reason: String },
    #[error("reading it was interrupted: the process ends")]
    Interrupted,
}

/// The secrets of one side of a pipeline. Clones share what is kept.
#[derive(Clone, Default)]
pub struct Secrets {
    granted: Arc<BTreeMap<String, Granted>>,
}

struct Granted {
    place: SecretPlace,
    kept: Arc<Mutex<Option<Kept>>>,
}

struct Kept {
    value: Result<String, SecretError>,
    until: Instant,
}

impl Secrets {
    pub fn new(places: impl IntoIterator<Item = (String, SecretPlace)>) -> Self {
        let granted = |(name, place)| (name, Granted { place, kept: Arc::default() });
        Self { granted: Arc::new(places.into_iter().map(granted).collect()) }
    }

    /// Whether a variable or file is there. A command is not run for it.
    pub fn check(&self, name: &str) -> Result<(), SecretError> {
        self.granted.get(name).map_or(Ok(()), |granted| granted.place.check())
    }

    /// The value as of now. A caller that gives up changes nothing: a command goes to its end, and
    /// what it printed is kept.
    pub async fn get(&self, name: &str) -> Result<String, SecretError> {
        let Some(Granted { place, kept }) = self.granted.get(name) else {
            return Err(SecretError::NotGranted(text::one_line(name, WORD_BYTES_MAX)));
        };
        let mut kept = Arc::clone(kept).lock_owned().await;
        if let Some(Kept { value, until }) = &*kept
            && Instant::now() < *until
        {
            return value.clone();
        }
        let (place, secret) = (place.clone(), name.to_owned());
        let reading = tokio::spawn(async move {
            let value = place.read().await;
            match &value {
                Ok(value) => redaction::learn(value),
                Err(reason) => tracing::warn!(secret, %reason, "a secret could not be read"),
            }
            let lasts = if value.is_ok() { place.ttl() } else { FAILED_FOR };
            *kept = Some(Kept { value: value.clone(), until: Instant::now() + lasts });
            value
        });
        reading.await.unwrap_or(Err(SecretError::Interrupted))
    }
}

impl SecretPlace {
    fn check(&self) -> Result<(), SecretError> {
        match self {
            Self::Env(variable) => read_variable(variable).map(drop),
            Self::File(path) => file::read(path).map(drop),
            Self::Command { .. } => Ok(()),
        }
    }

    async fn read(&self) -> Result<String, SecretError> {
        match self {
            Self::Env(variable) => read_variable(variable),
            Self::File(path) => file::read_bounded(path.clone()).await,
            Self::Command { program, arguments, directory, .. } => {
                let printed = command::run(program, arguments, directory, command::DEADLINE);
                let printed = printed.await;
                printed.map_err(|reason| SecretError::Command { program: program.clone(), reason })
            }
        }
    }

    fn ttl(&self) -> Duration {
        match self {
            Self::Command { ttl, .. } => *ttl,
            Self::Env(_) | Self::File(_) => Duration::ZERO,
        }
    }
}

fn read_variable(name: &str) -> Result<String, SecretError> {
    std::env::var(name).map_err(|_| SecretError::Unset(name.to_owned()))
}
