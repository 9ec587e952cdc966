//! Follows the change stream of a database, from any position that was ever returned.
//!
//! One stream for all collections: it keeps the order between them, costs the server one reading of
//! its log instead of one for each, and sees collections come and go. `feed` opens it, `event` reads
//! events, `meet` says what they mean, `collect` makes rows of them, `lost` explains a position whose
//! history is gone. This module waits, keeps the position, and outlives a change of the primary.

mod collect;
mod event;
mod feed;
mod lost;
mod meet;
mod start;

use std::collections::HashMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::{ChangeBatch, Failure, Limits, SchemaChange, log};
use mongodb::bson::Timestamp;
use mongodb::error::Error;
use mongodb_documents::Rows;

use crate::MongodbSource;
use crate::position::{From, LogPosition, Position};
use crate::server::failure;
use event::Fragments;
use feed::{Answer, Feed};
pub use lost::oldest;
pub use start::{new_table, position_at_end};

/// How long a call waits for an answer that the server is working on, even without a wait limit.
const ANSWER_PATIENCE: Duration = Duration::from_millis(250);
/// How long the stream waits for a primary before the runner hears of it: elections take seconds.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(60);
/// How often the position moves when nothing happens: often enough that its token never ages out of
/// the log, seldom enough to be no load for the destination.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What the stream's connection remembers.
#[derive(Default)]
pub struct State {
    started: Option<Started>,
}

struct Started {
    /// None while the server is away.
    feed: Option<Feed>,
    /// An answer, and how many of its events were taken.
    answer: Option<(Answer, usize)>,
    /// What came already of the answer behind it, which was asked for ahead.
    ahead: Option<Result<Answer, Error>>,
    fragments: Fragments,
    /// Behind the last batch that was returned.
    position: LogPosition,
    /// The tables that are followed.
    tables: HashMap<String, Rows>,
    /// How many of them were new in the stream.
    met: usize,
    /// What the next call has to say.
    failure: Option<Failure>,
    /// The cluster's time before the present answer was asked for.
    asked: Option<Timestamp>,
    /// How long calls have waited for the answer that is under way, since the server last showed that
    /// it is there.
    waited: Duration,
    moved: Instant,
    away: Option<Instant>,
}

/// Reads changes, waiting for some within the limit.
pub fn get_changes(
    source: &mut MongodbSource,
    schema: &str,
    after: LogPosition,
    limits: Limits,
) -> Result<ChangeBatch, Failure> {
    let deadline = Instant::now() + limits.wait;
    let mut started = match source.stream.started.take() {
        Some(started) if started.position == after => started,
        // Another position than the last one: the stream that is open is of no use.
        _ => start::start(source, schema, after, &limits)?,
    };
    if let Some(failure) = started.failure.take() {
        return Err(failure);
    }
    let batch = started.read(source, schema, deadline, &limits)?;
    source.stream.started = Some(started);
    Ok(batch)
}

impl Started {
    fn read(
        &mut self,
        source: &mut MongodbSource,
        schema: &str,
        deadline: Instant,
        limits: &Limits,
    ) -> Result<ChangeBatch, Failure> {
        if !self.position.dropped.is_empty() {
            return self.tell_dropped();
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let patience = left.max(ANSWER_PATIENCE);
            let mut batch = ChangeBatch::default();
            if let Some((answer, done)) = self.answer(source, schema, patience, limits)? {
                batch = self.collect(source, schema, answer, done, limits)?;
            }
            let something = !batch.tables.is_empty()
                || !batch.rejected.is_empty()
                || !batch.schema_changes.is_empty();
            let more_at_hand = self.answer.is_some() || self.ahead.is_some();
            let is_over = Instant::now() >= deadline && !more_at_hand;
            if something || is_over || self.failure.is_some() {
                batch.position = Position::Log(self.position.clone()).encode()?;
                return Ok(batch);
            }
        }
    }

    /// Says what a position of an earlier version remembered for later: these tables are gone.
    fn tell_dropped(&mut self) -> Result<ChangeBatch, Failure> {
        let dropped = std::mem::take(&mut self.position.dropped);
        Ok(ChangeBatch {
            schema_changes: dropped.into_iter().map(SchemaChange::drop_table).collect(),
            position: Position::Log(self.position.clone()).encode()?,
            ..ChangeBatch::default()
        })
    }

    /// The present answer, or the next one if it comes within `patience`. A server that went away is
    /// looked for; the stream goes on where it stood.
    fn answer(
        &mut self,
        source: &mut MongodbSource,
        schema: &str,
        patience: Duration,
        limits: &Limits,
    ) -> Result<Option<(Answer, usize)>, Failure> {
        if let Some(answer) = self.answer.take() {
            return Ok(Some(answer));
        }
        let Some(feed) = &mut self.feed else {
            self.return_to(source, schema, patience, limits)?;
            return Ok(None);
        };
        let begun = Instant::now();
        let next = match self.ahead.take() {
            Some(ahead) => ahead.map(Some),
            None => feed.next(&source.server, patience),
        };
        self.waited += begun.elapsed();
        match next {
            Ok(Some(answer)) => {
                self.waited = Duration::ZERO;
                if !answer.is_end {
                    // The server works on it while this answer becomes rows and travels.
                    self.ahead = feed.ask_ahead(&source.server).transpose();
                }
                Ok(Some((answer, 0)))
            }
            Ok(None) if self.waited > source.settings.connect_timeout() => {
                self.ask_for_life(source, schema, limits).map(|()| None)
            }
            Ok(None) => Ok(None),
            Err(error) => self.cut(source, schema, limits, &error).map(|()| None),
        }
    }

    /// A server that reads its log for minutes until it comes to something for us still answers
    /// others; one that does not is gone.
    fn ask_for_life(
        &mut self,
        source: &MongodbSource,
        schema: &str,
        limits: &Limits,
    ) -> Result<(), Failure> {
        if let Err(error) = source.server.ping(source.settings.connect_timeout())? {
            return self.cut(source, schema, limits, &error);
        }
        self.waited = Duration::ZERO;
        log::info("the server is still reading its log for the next changes", &[]);
        Ok(())
    }

    /// Lets go of a stream that broke, unless it can never go on.
    fn cut(
        &mut self,
        source: &MongodbSource,
        schema: &str,
        limits: &Limits,
        error: &Error,
    ) -> Result<(), Failure> {
        let is_unproven = self.feed.as_ref().is_some_and(Feed::is_unproven);
        (self.feed, self.ahead) = (None, None);
        self.fragments.forget();
        if is_unproven {
            let from_time = start::open_at_time(source, schema, &self.position, limits, error)?;
            if let Some(feed) = from_time {
                self.follow(feed);
                return Ok(());
            }
        }
        if failure::is_history_lost(error) {
            return Err(lost::lost(&source.server, &self.position, error));
        }
        let failure = source.server.failure(error);
        if !failure::is_passing(error) {
            return Err(failure);
        }
        log::warn("the change stream was cut and is opened anew", &[("reason", &failure.message)]);
        self.away = Some(Instant::now());
        Ok(())
    }

    /// Finds the primary and opens the stream where it stood; quietly nothing while there is none.
    fn return_to(
        &mut self,
        source: &mut MongodbSource,
        schema: &str,
        patience: Duration,
        limits: &Limits,
    ) -> Result<(), Failure> {
        let since = *self.away.get_or_insert_with(Instant::now);
        // A stream that ended in order needs no other server.
        let reopened = match self.position.from {
            From::AfterEnd(_) => Ok(()),
            _ => source.reopen(patience),
        };
        let opened =
            reopened.and_then(|()| start::open_feed(source, schema, &self.position, limits));
        match opened {
            Ok(feed) => {
                self.follow(feed);
                self.away = None;
                Ok(())
            }
            Err(failure) if failure::is_final(&failure) => Err(failure),
            Err(failure) if since.elapsed() > OUTAGE_PATIENCE => Err(failure),
            Err(_) => {
                sleep(ANSWER_PATIENCE.min(patience));
                Ok(())
            }
        }
    }

    /// Goes on with a stream that was just opened.
    fn follow(&mut self, feed: Feed) {
        (self.asked, self.waited) = (feed.time, Duration::ZERO);
        self.feed = Some(feed);
    }

    /// Moves the position behind an answer all of whose events were taken.
    fn answered(&mut self, answer: &Answer, something: bool) -> bool {
        let token_time = answer.token.as_ref().and_then(|token| feed::time_of(token));
        let caught_up = !answer.is_cut
            && match (token_time, self.asked) {
                (Some(read), Some(asked)) => read >= asked,
                // Where tokens do not show their time, only an answer without events says that there
                // are none.
                _ => !something,
            };
        self.asked = answer.time;
        let due = something || self.moved.elapsed() >= HEARTBEAT;
        if let (Some(token), true) = (&answer.token, due) {
            // Until something came behind the end of a database, its token is all that there is.
            if self.position.from != From::AfterEnd(token.clone()) {
                self.position.from = From::After(token.clone());
            }
            self.position.time = token_time.unwrap_or(self.position.time).max(self.position.time);
            let seen = answer.time.unwrap_or(self.position.time).max(self.position.time);
            self.position.seen = self.position.seen.max(seen);
            self.moved = Instant::now();
        }
        caught_up
    }
}
