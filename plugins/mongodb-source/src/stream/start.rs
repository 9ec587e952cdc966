//! Opens the stream: at its end for a new copy, or where an earlier one stood.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Failure, Limits, log};
use mongodb::bson::Timestamp;
use mongodb::error::Error;

use super::event::Fragments;
use super::feed::{Feed, time_of};
use super::{Started, lost};
use crate::MongodbSource;
use crate::form::Form;
use crate::position::{From, LogPosition};
use crate::server::failure;

/// The token means nothing to this server, or its event is not in what the stream would show, which
/// also happens when other tables are selected than before.
const TOKEN_NOT_FOUND: [i32; 3] = [260, 280, 40647];

/// Where the log ends now. Opening a stream for it also proves the right to.
pub fn position_at_end(source: &MongodbSource, schema: &str) -> Result<LogPosition, Failure> {
    let Feed { token, time, .. } = open_at_end(source, schema)?;
    let read = token.as_ref().and_then(|token| time_of(token));
    // A server tells the time that a majority has, and the stream may begin behind what this one has:
    // the copy must show what lies between.
    let Some(seen) = time.max(read.map(before)) else {
        return Err(source.server.unexpected("neither an operation time nor a resume token"));
    };
    let time = read.unwrap_or(seen).min(seen);
    let from = token.map_or(From::Time, From::After);
    let form = Some(Form::of(&source.options));
    Ok(LogPosition { from, time, seen, dropped: BTreeSet::new(), form })
}

/// The last moment before this one. Nobody can wait for a time that the cluster has not reached, and
/// a stream that begins now may begin at the next.
fn before(time: Timestamp) -> Timestamp {
    Timestamp { increment: time.increment.saturating_sub(1), ..time }
}

/// A stream that begins now.
fn open_at_end(source: &MongodbSource, schema: &str) -> Result<Feed, Failure> {
    let server = &source.server;
    if !server.has_log {
        return Err(failure::standalone(&server.name));
    }
    let feed =
        Feed::open(server, schema, &source.options, &BTreeSet::new(), None, Limits::default())?;
    feed.map_err(|error| server.failure(&error))
}

/// Opens the stream at a position.
pub(super) fn start(
    source: &mut MongodbSource,
    schema: &str,
    after: LogPosition,
    limits: &Limits,
) -> Result<Started, Failure> {
    // What an earlier version remembered as dropped came back behind the position: the stream has all of
    // it, and announces it as new.
    let selected = source.selected().into_iter();
    let followed = selected.filter(|(name, _)| !after.dropped.contains(*name));
    let tables = followed.map(|(name, known)| (name.clone(), known.changes())).collect();
    let feed = open_feed(source, schema, &after, limits)?;
    Ok(Started {
        asked: feed.time,
        feed: Some(feed),
        answer: None,
        ahead: None,
        fragments: Fragments::default(),
        position: after,
        tables,
        met: 0,
        failure: None,
        waited: Duration::ZERO,
        moved: Instant::now(),
        away: None,
    })
}

/// Opens the stream on the server of now.
pub(super) fn open_feed(
    source: &MongodbSource,
    schema: &str,
    after: &LogPosition,
    limits: &Limits,
) -> Result<Feed, Failure> {
    let server = &source.server;
    if !server.has_log {
        return Err(failure::standalone(&server.name));
    }
    let error = match open(source, schema, after, limits)? {
        Ok(feed) => return Ok(feed),
        Err(error) => error,
    };
    match open_at_time(source, schema, after, limits, &error)? {
        Some(feed) => Ok(feed),
        None if failure::is_history_lost(&error) => Err(lost::lost(server, after, &error)),
        None => Err(server.failure(&error)),
    }
}

/// Where the server does not find the token of a position: the stream from the position's time, if its
/// log reaches back to that. None where something else is the matter. Servers say so when they open a
/// stream, or when they first look for news.
pub(super) fn open_at_time(
    source: &MongodbSource,
    schema: &str,
    after: &LogPosition,
    limits: &Limits,
    error: &Error,
) -> Result<Option<Feed>, Failure> {
    let server = &source.server;
    let is_not_found = failure::code(error).is_some_and(|code| TOKEN_NOT_FOUND.contains(&code));
    // Another deployment would know neither; then its log begins later than the position.
    let has_history = || lost::oldest(server).is_some_and(|oldest| oldest <= after.time);
    if after.from == From::Time || !is_not_found || !has_history() {
        return Ok(None);
    }
    log::warn(
        "the server does not find the resume token; going on from its time, which repeats changes \
         and loses none",
        &[],
    );
    let at = LogPosition { from: From::Time, ..after.clone() };
    let feed = open(source, schema, &at, limits)?;
    feed.map(Some).map_err(|_| lost::lost(server, after, error))
}

fn open(
    source: &MongodbSource,
    schema: &str,
    after: &LogPosition,
    limits: &Limits,
) -> Result<Result<Feed, Error>, Failure> {
    let unselected = source.unselected();
    Feed::open(&source.server, schema, &source.options, &unselected, Some(after), *limits)
}

/// The failure for a table that came under this name.
pub fn new_table(name: &str) -> Failure {
    Failure::reconnect(
        "new-table",
        format!("collection {name} is new; the connection is opened anew to copy it"),
    )
}
