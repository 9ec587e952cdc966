//! Decides about rows that differ: they are looked up on both sides until they are equal, or are known to have
//! drifted, or time is over.
//!
//! Where nobody runs the schema, the destination has what the source had at the committed position. So a row that
//! differs and has no change behind that position has drifted, and one that has a change is in flight.
//!
//! Beside a run a row is looked up at the source, then at the destination once the run has committed a position past
//! that look-up, and at the source again. Where the source has the same row both times, and the destination another,
//! that is no lateness. It could be a row that was another one in between and came back, so it has to differ in
//! [`ROUNDS`] rounds, one after the other, with the same rows each time.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    letters::Letters,
    look::{Found, Look, Why},
    pending::{Pending, pending},
    report::{Came, Compared, Drift},
    sample::sample,
    view::Keys,
};
use crate::{
    model::Position,
    runner::{
        error::RunError,
        processor::standing::state_in_the_way,
        state::{CHANGES, RUNNER},
        table::KeyTexts,
    },
};

/// Rounds in which a row has to differ in the same way beside a run.
const ROUNDS: u32 = 3;
/// Between rounds, and between looks at the committed position.
const PAUSE: Duration = Duration::from_millis(200);
/// Rows that are decided about at once; what a source looks up in one call (I7).
pub const KEYS_MAX: usize = 1000;

const NO_MOMENTS: Why = "a run goes on, and the source cannot tell whether it has told all that a look-up sees: \
                         verify again while it is stopped";
const NOT_REACHED: Why =
    "a run holds the schema, and committed no position past the look-up in time (`--wait`)";
const MOVING: Why = "the rows were written to for as long as they were looked at (`--wait`)";

const LEFT_OUT: Why =
    "the table was paused or parked, or is copied again, since its rows were read";

const NO_KEY: Why = "the source's columns do not have such a key";
const NOT_FOUND: Why =
    "a look-up does not find what the destination had when all its rows were read";
const LETTERS: Why =
    "the row cannot travel, or dead letters without a key may be of it (`dlq list`)";

/// A row that differs.
#[derive(Clone, Debug)]
pub struct Open {
    /// Its key, as dead letters say it.
    pub said: String,
    pub texts: KeyTexts,
    /// The source told it, or has it and cannot.
    pub is_of_source: bool,
    /// The same of the destination.
    pub is_of_destination: bool,
    /// How it differed last, and in how many rounds so.
    last: Option<(Option<u128>, Option<u128>)>,
    rounds: u32,
}

impl Open {
    pub fn new(said: String, texts: KeyTexts) -> Self {
        Self { said, texts, is_of_source: false, is_of_destination: false, last: None, rounds: 0 }
    }

    /// How many rounds it has differed in this way by now.
    fn count(&mut self, source: Option<u128>, destination: Option<u128>) -> u32 {
        let now = Some((source, destination));
        self.rounds = if self.last == now { self.rounds + 1 } else { 1 };
        self.last = now;
        self.rounds
    }
}

/// Rows by the hashes of their keys.
pub type Opens = BTreeMap<u128, Open>;

/// How rows are decided about.
pub struct Settling<'a> {
    /// The tables that a run would follow.
    pub followed: &'a [String],
    /// Dead letters that were open before the first look.
    pub letters: &'a Letters,
    pub until: Instant,
    pub shows_values: bool,
}

/// What a schema's stored state says of who writes it.
#[derive(PartialEq, Eq)]
struct Standing {
    position: Option<Vec<u8>>,
    is_held: bool,
}

impl Settling<'_> {
    /// Decides about some rows, at most [`KEYS_MAX`].
    pub async fn settle(
        &self,
        look: &mut Look<'_>,
        mut open: Opens,
        report: &mut Compared,
    ) -> Result<(), RunError> {
        while !open.is_empty() {
            let texts: Vec<&KeyTexts> = open.values().map(|open| &open.texts).collect();
            let round = match look.keys(&texts)? {
                Ok(keys) => self.round(look, &keys, &mut open, report).await?,
                Err(unreadable) => {
                    let hashes: Vec<u128> = open.keys().copied().collect();
                    let rows = unreadable.iter().filter_map(|at| open.remove(hashes.get(*at)?));
                    rows.for_each(|row| report.came(row.is_of_source, Came::Undecided(NO_KEY)));
                    Round::Done
                }
            };
            let why = match round {
                Round::Done => continue,
                Round::Never(why) => why,
                Round::Again(why) if Instant::now() >= self.until => why,
                Round::Again(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            for row in open.values() {
                report.came(row.is_of_source, Came::Undecided(why));
            }
            return Ok(());
        }
        Ok(())
    }

    async fn round(
        &self,
        look: &mut Look<'_>,
        keys: &Keys,
        open: &mut Opens,
        report: &mut Compared,
    ) -> Result<Round, RunError> {
        let before = standing(look).await?;
        match (&before.position, before.is_held) {
            (Some(position), false) => {
                let position = Position(position.clone());
                self.at_rest(look, keys, (&position, &before), open, report).await
            }
            _ => self.beside_a_run(look, keys, open, report).await,
        }
    }

    /// A round while nobody runs the schema, as far as that stays so.
    async fn at_rest(
        &self,
        look: &mut Look<'_>,
        keys: &Keys,
        (position, before): (&Position, &Standing),
        open: &mut Opens,
        report: &mut Compared,
    ) -> Result<Round, RunError> {
        let source = match look.at_source(keys).await? {
            Ok(found) => found,
            Err(why) => return Ok(Round::Never(why)),
        };
        // After the look-up: so it has all that this has seen.
        let view = (&mut *look.table, look.view);
        let asked = open.keys().copied().collect();
        let pending =
            pending(look.context, position, self.followed, view, &asked, self.until).await?;
        let destination = match look.at_destination(keys).await? {
            Ok(found) => found,
            Err(why) => return Ok(Round::Never(why)),
        };
        if standing(look).await? != *before {
            return Ok(Round::Again(MOVING));
        }
        let letters = self.letters(look).await?;
        for (key, row) in std::mem::take(open) {
            let known = (&letters, Some(&pending));
            if let Some(came) = self.judge(look, key, &row, (&source, &destination), known)? {
                report.came(row.is_of_source, came);
            }
        }
        Ok(Round::Done)
    }

    /// A round beside a run.
    async fn beside_a_run(
        &self,
        look: &mut Look<'_>,
        keys: &Keys,
        open: &mut Opens,
        report: &mut Compared,
    ) -> Result<Round, RunError> {
        let first = match look.at_source(keys).await? {
            Ok(found) => found,
            Err(why) => return Ok(Round::Never(why)),
        };
        let reached = self.reach(look).await?;
        let destination = match look.at_destination(keys).await? {
            Ok(found) => found,
            Err(why) => return Ok(Round::Never(why)),
        };
        let again = match look.at_source(keys).await? {
            Ok(found) => found,
            Err(why) => return Ok(Round::Never(why)),
        };
        // Its changes pass, or its rows come anew, so nothing follows from those that differ.
        let name = &look.table.source.name;
        if state_in_the_way(look.context, look.destination, name).await?.is_some() {
            return Ok(Round::Never(LEFT_OUT));
        }
        // After the look at the destination: of what was refused before it there is a letter by now.
        let letters = self.letters(look).await?;
        for (key, mut row) in std::mem::take(open) {
            let (one, other) = (first.hash(key), again.hash(key));
            let kept = destination.hash(key);
            let is_told = !first.refuses(key) && !destination.refuses(key);
            if is_told && (kept == one || kept == other) {
                continue;
            }
            let stands = reached.is_ok() && one == other;
            if stands && row.count(one, kept) >= ROUNDS {
                let known = (&letters, None);
                if let Some(came) = self.judge(look, key, &row, (&again, &destination), known)? {
                    report.came(row.is_of_source, came);
                }
            } else {
                if !stands {
                    row.last = None;
                }
                open.insert(key, row);
            }
        }
        Ok(if open.is_empty() {
            Round::Done
        } else {
            Round::Again(reached.err().unwrap_or(MOVING))
        })
    }

    /// Waits until a run has committed a position past this moment.
    async fn reach(&self, look: &Look<'_>) -> Result<Result<(), Why>, RunError> {
        let schema = look.context.name();
        let Some(moment) = look.source.moment(schema).await? else { return Ok(Err(NO_MOMENTS)) };
        loop {
            let position = look.destination.get_marker(schema, CHANGES).await?.map(Position);
            let is_past = match &position {
                Some(position) => look.source.reached(schema, position, &moment).await?,
                None => Some(false),
            };
            match is_past {
                None => return Ok(Err(NO_MOMENTS)),
                Some(true) => return Ok(Ok(())),
                Some(false) if Instant::now() >= self.until => return Ok(Err(NOT_REACHED)),
                Some(false) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn letters(&self, look: &Look<'_>) -> Result<Letters, RunError> {
        let letters = Letters::of(look.context, look.destination, (look.table, look.view)).await?;
        Ok(letters.and(self.letters))
    }

    /// Says what a row is that differs for good, or waits; none where it is equal.
    fn judge(
        &self,
        look: &Look<'_>,
        key: u128,
        row: &Open,
        (source, destination): (&Found, &Found),
        (letters, pending): (&Letters, Option<&Pending>),
    ) -> Result<Option<Came>, RunError> {
        let (has, keeps) = (source.hash(key), destination.hash(key));
        let is_told = !destination.refuses(key) && !source.refuses(key);
        if is_told && has == keeps {
            // While the pipeline stands still nobody removes what was there.
            let is_lost = pending.is_some() && row.is_of_destination && keeps.is_none();
            return Ok(is_lost.then_some(Came::Undecided(NOT_FOUND)));
        }
        let is_unknown = [source, destination].iter().any(|found| found.refuses_unknown())
            || letters.without_key > 0;
        Ok(Some(if pending.is_some_and(|pending| pending.has(key)) {
            Came::InFlight
        } else if let Some(why) = pending.and_then(|pending| pending.cut) {
            Came::Undecided(why)
        } else if letters.keys.contains(&key) {
            Came::DeadLetter
        } else if is_unknown {
            Came::Undecided(LETTERS)
        } else {
            let is_there = |found: &Found| found.row(key).is_some() || found.refuses(key);
            let drift = match (is_there(source), is_there(destination)) {
                (true, false) => Drift::Missing,
                (false, true) => Drift::Extra,
                _ => Drift::Different,
            };
            let rows = (source.row(key), destination.row(key));
            let said = (row.said.as_str(), drift);
            Came::Drifted(sample(look.view, look.table, said, rows, self.shows_values)?)
        }))
    }
}

/// What came of a round for those rows that are still open.
enum Round {
    Done,
    /// Why they are open.
    Again(Why),
    /// They cannot be decided about.
    Never(Why),
}

async fn standing(look: &Look<'_>) -> Result<Standing, RunError> {
    let (schema, destination) = (look.context.name(), look.destination);
    let position = destination.get_marker(schema, CHANGES).await?;
    let is_held = destination.get_marker(schema, RUNNER).await?.is_some();
    Ok(Standing { position, is_held })
}
