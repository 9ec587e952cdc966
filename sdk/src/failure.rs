//! What went wrong and what the runner should do about it.
//!
//! A failure is an instruction first and words second: the action decides whether the host calls
//! again, reconnects, takes a new snapshot, or stops for a person.

use std::fmt;
use std::time::Duration;

/// The code of a failure that only says that something else has to end first.
pub const WAITING: &str = "waiting";
const WAITING_PAUSE: Duration = Duration::from_secs(1);

/// What the host does after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Call again after a pause.
    Retry,
    /// Drop this instance and open a new one.
    Reconnect,
    /// The position is lost; only a new snapshot helps.
    Resync,
    /// A person must change the configuration.
    Config,
    /// Going on would lose or double rows.
    Stop,
}

impl Action {
    /// The word that crosses the boundary.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Reconnect => "reconnect",
            Self::Resync => "resync",
            Self::Config => "config",
            Self::Stop => "stop",
        }
    }
}

/// Why a call did not do its work.
///
/// ```
/// use cartridge_warp_sdk::Failure;
/// use std::time::Duration;
///
/// let failure = Failure::retry("rate-limited", "the service asked for a pause")
///     .detail("HTTP 429")
///     .retry_after(Duration::from_secs(2));
/// assert_eq!(failure.code, "rate-limited");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the host does next.
    pub action: Action,
    /// A stable kebab-case word for this kind of failure.
    pub code: String,
    /// One sentence for a person: what, where, why, what to do. Never a secret, never a row.
    pub message: String,
    /// Further lines for the log, such as the server's own words.
    pub detail: Option<String>,
    /// The pause that the far side asked for.
    pub retry_after: Option<Duration>,
    /// Of a source: the tables that it is about, where the others can go on.
    pub tables: Vec<String>,
}

impl Failure {
    /// A failure with the given action.
    pub fn new(action: Action, code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { action, code, message, detail: None, retry_after: None, tables: Vec::new() }
    }

    /// The call may succeed after a pause; [`Failure::retry_after`] keeps the connection for it.
    pub fn retry(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Action::Retry, code, message)
    }

    /// Something else has to end first, however long that takes: the host makes the same call again on
    /// this connection after a pause, without counting, until it succeeds or the run is stopped. The
    /// message says what is waited for, and becomes the progress line.
    ///
    /// ```
    /// use cartridge_warp_sdk::Failure;
    ///
    /// let failure = Failure::waiting("the copy waits for process 4711, which writes since 10:00");
    /// assert!(failure.retry_after.is_some());
    /// ```
    pub fn waiting(message: impl Into<String>) -> Self {
        Self::retry(WAITING, message).retry_after(WAITING_PAUSE)
    }

    /// The connection is of no more use; a new one may work.
    pub fn reconnect(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Action::Reconnect, code, message)
    }

    /// History up to the position is gone; only a new snapshot helps.
    pub fn resync(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Action::Resync, code, message)
    }

    /// A person must change the configuration.
    pub fn config(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Action::Config, code, message)
    }

    /// Going on would lose or double rows.
    pub fn stop(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Action::Stop, code, message)
    }

    /// Adds lines for the log.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says which tables this is about, where the others can go on.
    ///
    /// With [`Action::Resync`] only these have lost their history: where the operator wants that, they
    /// are copied anew, and the stream of the others goes on. With [`Action::Reconnect`] the stream has
    /// changes of them that cannot be told for what they are: they are emptied and copied again.
    ///
    /// ```
    /// use cartridge_warp_sdk::Failure;
    ///
    /// let failure = Failure::resync("log-lost", "the log of orders is gone").about(["orders"]);
    /// assert_eq!(failure.tables, ["orders"]);
    /// ```
    #[must_use]
    pub fn about(mut self, tables: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.tables = tables.into_iter().map(Into::into).collect();
        self
    }

    /// Says how long the host should wait before it calls again.
    ///
    /// With [`Action::Retry`] the host makes the same call again on this connection, so nothing of
    /// the failed one may remain. A connector that does not know whether its commit took place
    /// answers [`Failure::reconnect`].
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.message, self.code, self.action.as_str())
    }
}

impl std::error::Error for Failure {}
