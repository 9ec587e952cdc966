//! Opens the stream: at its end for a new copy, or where an earlier one stood.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Failure, Limits, log};

use super::event::Fragments;
use super::feed::{Answer, Feed, time_of};
use super::{Started, lost};
use crate::MongodbSource;
use crate::catalog;
use crate::position::{From, LogPosition};
use crate::server::{ANSWER_PATIENCE, failure};

/// The token means nothing to this server, or its event is not in what the stream would show, which
/// also happens when other tables are selected than before.
const TOKEN_NOT_FOUND: [i32; 3] = [260, 280, 40647];

/// Where the log ends now. Opening a stream for it also proves the right to.
pub fn position_at_end(source: &mut MongodbSource, schema: &str) -> Result<LogPosition, Failure> {
    let answer = open_at_end(source, schema)?;
    let token = answer.token;
    let read = token.as_ref().and_then(|token| time_of(token));
    let Some(seen) = answer.time.or(read) else {
        return Err(source.server.unexpected("neither an operation time nor a resume token"));
    };
    check_news(source, schema)?;
    let time = read.unwrap_or(seen).min(seen);
    let from = token.map_or(From::Time, From::After);
    Ok(LogPosition { from, time, seen, dropped: BTreeSet::new() })
}

/// The first answer of a stream that begins now.
pub fn open_at_end(source: &MongodbSource, schema: &str) -> Result<Answer, Failure> {
    let server = &source.server;
    if !server.has_log {
        return Err(failure::standalone(&server.name));
    }
    let feed =
        Feed::open(server, schema, &source.options, &BTreeSet::new(), None, Limits::default())?;
    let mut feed = feed.map_err(|error| server.failure(&error))?;
    let answer = feed.next(server, ANSWER_PATIENCE).map_err(|error| server.failure(&error))?;
    answer.ok_or_else(|| server.silent())
}

/// A collection that came after the tables were listed, and before the stream begins, would be in
/// neither the copy nor the stream.
fn check_news(source: &mut MongodbSource, schema: &str) -> Result<(), Failure> {
    let now = catalog::names(&source.server, schema)?;
    match now.iter().find(|name| !source.collections.contains_key(*name)) {
        Some(name) => Err(new_table(name)),
        None => Ok(()),
    }
}

/// Opens the stream at a position.
pub(super) fn start(
    source: &mut MongodbSource,
    schema: &str,
    after: LogPosition,
    limits: &Limits,
) -> Result<Started, Failure> {
    // A name that was dropped and is there again came back behind the position: the stream has all of
    // it, and announces it as new.
    let selected = source.selected().into_iter();
    let followed = selected.filter(|(name, _)| !after.dropped.contains(*name));
    let tables = followed.map(|(name, known)| (name.clone(), known.changes())).collect();
    let feed = Some(open_feed(source, schema, &after, limits)?);
    Ok(Started {
        feed,
        answer: None,
        ahead: None,
        fragments: Fragments::default(),
        position: after,
        tables,
        emptied: None,
        failure: None,
        asked: None,
        answers: 0,
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
    let unselected = source.unselected();
    let open = |position: &LogPosition| {
        Feed::open(server, schema, &source.options, &unselected, Some(position), *limits)
    };
    let error = match open(after)? {
        Ok(feed) => return Ok(feed),
        Err(error) => error,
    };
    let code = failure::code(&error);
    let by_token = after.from != From::Time;
    // Another deployment would know neither; then its log begins later than the position.
    let has_history = || lost::oldest(server).is_some_and(|oldest| oldest <= after.time);
    if by_token && code.is_some_and(|code| TOKEN_NOT_FOUND.contains(&code)) && has_history() {
        log::warn(
            "the server does not find the resume token; going on from its time, which repeats \
             changes and loses none",
            &[],
        );
        let at = LogPosition { from: From::Time, ..after.clone() };
        return open(&at)?.map_err(|_| lost::lost(server, after, &error));
    }
    if failure::is_history_lost(&error) {
        return Err(lost::lost(server, after, &error));
    }
    Err(server.failure(&error))
}

/// The failure for a table that came under this name.
pub fn new_table(name: &str) -> Failure {
    Failure::reconnect(
        "new-table",
        format!("collection {name} is new; the connection is opened anew to copy it"),
    )
}
