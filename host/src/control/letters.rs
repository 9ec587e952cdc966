//! `GET` and `POST /v1/letters`: dead letters, without their rows and keys, and what is to become of them.

use axum::{http::StatusCode, response::Response};
use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    answers::{Told, json},
    query::parsed,
};
use crate::{
    model::{KeptLetter, LetterFilter, Settlement},
    runner::{Desk, DeskError, Retried},
};

/// What the requests look like.
pub const QUERY_EXAMPLE: &str = "/v1/letters?table=orders&limit=100";
pub const BODY_EXAMPLE: &str = r#"{"action": "retry", "table": "orders"}"#;
/// Letters of one answer (I7).
const SHOWN_MAX: u32 = 500;
const SHOWN: u32 = 100;
/// Refusals that are shown.
const REFUSALS_MAX: usize = 100;
/// Whom letters name that are settled from here.
const WHO: &str = "control";

/// Which open letters are shown.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LettersQuery {
    /// The schema, which a run of one schema need not be told.
    #[serde(default)]
    pub schema: Option<String>,
    #[serde(default)]
    pub table: Option<String>,
    /// The stable word of the error.
    #[serde(default)]
    pub code: Option<String>,
    /// Letters at most, 500 of them.
    #[serde(default = "shown", deserialize_with = "parsed")]
    #[schemars(range(min = 1, max = 500))]
    pub limit: u32,
}

/// Open letters, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LetterList {
    pub letters: Vec<LetterView>,
    /// There are more than were asked for.
    pub more: bool,
}

/// A dead letter. Its row is shown by `cartridge-warp dlq show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LetterView {
    pub id: u64,
    pub table: String,
    pub operation: String,
    /// A stable word for what is wrong with it.
    pub code: String,
    pub message: String,
    /// How often it came.
    pub count: u64,
    /// As in RFC 3339.
    pub first_seen: String,
    pub last_seen: String,
}

/// What is to become of letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum LettersBody {
    /// Look their rows up at the source and write them, about a thousand at a time.
    Retry(Meant),
    /// Settle them without their rows.
    Discard(Discard),
}

/// Which open letters are meant: those that match all that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Meant {
    /// The schema, which a run of one schema need not be told.
    #[serde(default)]
    pub schema: Option<String>,
    #[serde(default)]
    pub table: Option<String>,
    /// The stable word of the error.
    #[serde(default)]
    pub code: Option<String>,
    /// Their numbers, 1,000 at most.
    #[serde(default)]
    pub ids: Vec<u64>,
    /// All that are open, where nothing else says which.
    #[serde(default)]
    pub all: bool,
    /// Who wants it, which is kept with each letter; without it, `control`.
    #[serde(default)]
    pub by: Option<String>,
    /// Do it although another run, which may be gone, holds the schema.
    #[serde(default)]
    pub take_over: bool,
}

/// Which letters are discarded, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discard {
    /// The schema, which a run of one schema need not be told.
    #[serde(default)]
    pub schema: Option<String>,
    #[serde(default)]
    pub table: Option<String>,
    /// The stable word of the error.
    #[serde(default)]
    pub code: Option<String>,
    /// Their numbers, 1,000 at most.
    #[serde(default)]
    pub ids: Vec<u64>,
    /// All that are open, where nothing else says which.
    #[serde(default)]
    pub all: bool,
    /// Kept with each.
    pub reason: String,
}

/// What became of letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LettersAnswer {
    /// Their rows are written, or gone at the source and deleted.
    pub resolved: u64,
    /// Keys that no row has at the source any more.
    #[serde(default)]
    pub gone_at_source: u64,
    /// Settled without their rows.
    pub discarded: u64,
    /// Refused again, so they stay open.
    pub refused: u64,
    /// The first of those, as they are now.
    #[serde(default)]
    pub refusals: Vec<LetterView>,
    /// Letters that could not be tried, and why.
    pub not_tried: Vec<NotTried>,
    /// There are more: try again.
    pub more: bool,
}

/// Letters of a table that could not be tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotTried {
    pub table: String,
    pub letters: u64,
    pub why: String,
}

fn shown() -> u32 {
    SHOWN
}

/// The letters that are asked for.
pub async fn list(desk: &Desk, query: LettersQuery) -> Response {
    let LettersQuery { schema, table, code, limit } = query;
    let status = Some(LetterFilter::OPEN.to_owned());
    let filter = LetterFilter { table, code, status, ..LetterFilter::default() };
    let limit = limit.clamp(1, SHOWN_MAX) as usize;
    answered(desk.letters(schema.as_deref(), filter, limit).await, |listed| LetterList {
        letters: listed.letters.into_iter().map(view).collect(),
        more: listed.more,
    })
}

/// Does what is to become of letters; the answer comes when it is committed.
pub async fn carry_out(desk: &Desk, body: LettersBody) -> Response {
    match body {
        LettersBody::Retry(meant) => {
            let words = Settlement::words(meant.by.as_deref().unwrap_or(WHO), "tried again");
            let take_over = meant.take_over;
            let (schema, filter) = match meant.read() {
                Ok(read) => read,
                Err(unclear) => return json(StatusCode::BAD_REQUEST, &unclear),
            };
            let retried = desk.retry_letters(schema.as_deref(), filter, words, take_over).await;
            answered(retried, LettersAnswer::retried)
        }
        LettersBody::Discard(Discard { schema, table, code, ids, all, reason }) => {
            let (schema, filter) =
                match (Meant { schema, table, code, ids, all, ..Meant::default() }).read() {
                    Ok(read) => read,
                    Err(unclear) => return json(StatusCode::BAD_REQUEST, &unclear),
                };
            let words = Settlement::words(WHO, &reason);
            let settled = desk.discard_letters(schema.as_deref(), filter, words).await;
            answered(settled, |discarded| LettersAnswer { discarded, ..LettersAnswer::default() })
        }
    }
}

impl Meant {
    /// The schema and the letters; an error where nothing says which.
    fn read(self) -> Result<(Option<String>, LetterFilter), Told> {
        let Self { schema, table, code, ids, all, .. } = self;
        let unclear = |message: String| {
            let help = format!("name a table, a code or numbers, or say all: {BODY_EXAMPLE}");
            Told::bad_request(message, help)
        };
        if ids.len() > LetterFilter::IDS_MAX {
            return Err(unclear(format!("more than {} numbers", LetterFilter::IDS_MAX)));
        }
        if !all && ids.is_empty() && table.is_none() && code.is_none() {
            return Err(unclear("nothing says which dead letters are meant".to_owned()));
        }
        Ok((schema, LetterFilter { ids, table, code, ..LetterFilter::default() }))
    }
}

impl LettersAnswer {
    pub fn retried(retried: Retried) -> Self {
        let Retried { resolved, gone, refused, shown, passed, more, .. } = retried;
        let each = passed.into_iter();
        let not_tried =
            each.map(|((table, why), letters)| NotTried { table, letters, why }).collect();
        let refusals = shown.into_iter().map(view).collect();
        Self { resolved, gone_at_source: gone, discarded: 0, refused, refusals, not_tried, more }
    }

    /// Those of several requests together.
    pub fn add(&mut self, other: Self) {
        self.resolved += other.resolved;
        self.gone_at_source += other.gone_at_source;
        self.discarded += other.discarded;
        self.refused += other.refused;
        self.refusals.extend(other.refusals);
        self.refusals.truncate(REFUSALS_MAX);
        for NotTried { table, letters, why } in other.not_tried {
            let mut known = self.not_tried.iter_mut();
            match known.find(|known| (&known.table, &known.why) == (&table, &why)) {
                Some(known) => known.letters += letters,
                None => self.not_tried.push(NotTried { table, letters, why }),
            }
        }
        self.more |= other.more;
    }

    /// Whether all letters that were meant are settled.
    pub fn is_all(&self) -> bool {
        self.refused == 0 && self.not_tried.is_empty() && !self.more
    }
}

fn answered<T, A: Serialize>(done: Result<T, DeskError>, answer: impl FnOnce(T) -> A) -> Response {
    match done {
        Ok(done) => json(StatusCode::OK, &answer(done)),
        Err(error) => json(StatusCode::CONFLICT, &Told::of(&error)),
    }
}

fn view(letter: KeptLetter) -> LetterView {
    let moment = |micros| {
        let time = DateTime::<Utc>::from_timestamp_micros(micros);
        time.map_or_else(String::new, |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
    };
    let KeptLetter { id, table, operation, code, message, count, .. } = letter;
    let (first_seen, last_seen) = (moment(letter.first_seen_us), moment(letter.last_seen_us));
    LetterView { id, table, operation, code, message, count, first_seen, last_seen }
}
