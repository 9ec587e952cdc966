//! Dead letters as a destination keeps them.

use chrono::{SecondsFormat, Utc};

use super::text;

/// Of the reason that a person gives.
const REASON_BYTES_MAX: usize = 1024;

/// A dead letter, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLetter {
    /// Unique in the destination; later letters have larger ones.
    pub id: u64,
    pub table: String,
    pub operation: String,
    pub payload: String,
    pub code: String,
    pub message: String,
    pub origin: String,
    /// What the row can be looked up by: a JSON object of its key's values as text.
    pub key: Option<String>,
    /// How often it came.
    pub count: u64,
    /// `pending` and `processing` are open; `resolved`, `discarded`.
    pub status: String,
    /// How it was settled.
    pub resolution: Option<String>,
    /// Microseconds since 1970 UTC.
    pub first_seen_us: i64,
    pub last_seen_us: i64,
}

/// Which letters are meant: those that match all that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Empty: all.
    pub ids: Vec<u64>,
    pub table: Option<String>,
    pub code: Option<String>,
    /// A status, or `open`.
    pub status: Option<String>,
    /// Those that came since then, in microseconds since 1970 UTC.
    pub since_us: Option<i64>,
}

/// Some letters, in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterPage {
    pub letters: Vec<KeptLetter>,
    /// There are more behind the last one.
    pub more: bool,
}

/// How letters are settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    pub ids: Vec<u64>,
    /// `resolved` or `discarded`.
    pub status: String,
    /// Who, when and why.
    pub resolution: String,
}

impl Settlement {
    /// The status of letters whose rows came otherwise.
    pub const RESOLVED: &str = "resolved";

    /// When it is settled (now), by `who`, on which machine, and why.
    pub fn words(who: &str, reason: &str) -> String {
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        let (host, reason) = (gethostname::gethostname(), text::one_line(reason, REASON_BYTES_MAX));
        text::one_line(&format!("{now} {who}@{}: {reason}", host.display()), 2 * REASON_BYTES_MAX)
    }
}

impl LetterFilter {
    /// Most ids that one filter or settlement names.
    pub const IDS_MAX: usize = 1000;
    /// The status that means all letters which nobody has settled.
    pub const OPEN: &str = "open";

    /// Those of these letters that are open.
    pub fn open_ones(ids: &[u64]) -> Self {
        let status = Some(Self::OPEN.to_owned());
        Self { ids: ids.to_vec(), status, ..Self::default() }
    }

    /// Whether the letter is one of those.
    pub fn means(&self, letter: &KeptLetter) -> bool {
        let is_of = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        let has_status = match self.status.as_deref() {
            Some(Self::OPEN) => ["pending", "processing"].contains(&letter.status.as_str()),
            _ => is_of(&self.status, &letter.status),
        };
        has_status
            && (self.ids.is_empty() || self.ids.contains(&letter.id))
            && is_of(&self.table, &letter.table)
            && is_of(&self.code, &letter.code)
            && self.since_us.is_none_or(|since| letter.last_seen_us >= since)
    }
}
