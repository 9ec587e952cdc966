//! One change stream on the server: how it is opened, and what each answer says besides events.
//!
//! It is opened without events. A server that is asked for some reads its log until it has them, or to
//! the end, before it says anything, and behind a long pause that takes longer than anybody waits for
//! a stream to open. So only the next answer may take its time, while the stream is open.

use std::collections::BTreeSet;
use std::time::Duration;

use cartridge_warp_sdk::{Failure, Limits};
use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, Timestamp, doc};
use mongodb::error::Error;
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};

use crate::options::Options;
use crate::position::{From, LogPosition};
use crate::server::{ANSWER_PATIENCE, Next, Server, ended};

/// How long the server waits for news in each answer: as long as the caller does, within these. A run
/// that ends when it has caught up does not wait, and learns by such an answer that there is no more.
const NEWS_WAIT_MIN: Duration = Duration::from_millis(20);
const NEWS_WAIT_MAX: Duration = Duration::from_millis(500);
/// Events that say nothing of a document pass whatever collection they are of: a rename may bring a
/// collection under a name that is followed.
const ALWAYS: [&str; 5] = ["create", "drop", "dropDatabase", "invalidate", "rename"];
/// Events in one answer.
const BATCH_MIN: usize = 100;
const BATCH_MAX: usize = 10_000;
/// An answer larger than this may have ended at the server's limit of 16 MB.
const ANSWER_BYTES: usize = 12 << 20;

/// An open change stream.
pub struct Feed {
    cursor: RawBatchCursor,
    batch_size: u32,
    /// Where it begins.
    pub token: Option<RawDocumentBuf>,
    /// The cluster's time when it was opened.
    pub time: Option<Timestamp>,
    /// The answer that opened it, where that says more.
    opening: Option<Answer>,
    /// It was told where to go on by a token, which the server has yet to find in its log.
    is_unproven: bool,
}

/// An answer of the server.
pub struct Answer {
    batch: RawBatch,
    /// Behind everything the server looked at.
    pub token: Option<RawDocumentBuf>,
    /// The cluster's time when it answered.
    pub time: Option<Timestamp>,
    /// Whether the server had more at hand than it sent.
    pub is_cut: bool,
    /// The stream has ended with this answer.
    pub is_end: bool,
    /// There are no events in it.
    is_empty: bool,
}

impl Answer {
    fn new(batch: RawBatch, batch_size: u32) -> Result<Self, Error> {
        let reply = batch.as_raw_document();
        let cursor = reply.get_document("cursor").ok();
        let token = cursor.and_then(|cursor| cursor.get_document("postBatchResumeToken").ok());
        let token = token.map(ToOwned::to_owned);
        let time = reply.get_timestamp("operationTime").ok();
        let is_end = cursor.and_then(|cursor| cursor.get_i64("id").ok()) == Some(0);
        let bytes = reply.as_bytes().len();
        let count = batch.doc_slices()?.into_iter().count();
        let is_cut = bytes > ANSWER_BYTES || count >= batch_size as usize;
        Ok(Self { token, time, is_cut, is_end, is_empty: count == 0, batch })
    }

    /// The events.
    pub fn documents(&self, server: &Server) -> Result<Vec<&RawDocument>, Failure> {
        server.documents(&self.batch)
    }
}

impl Feed {
    /// Opens the stream at a place in the log; at its end without one.
    pub fn open(
        server: &Server,
        database: &str,
        options: &Options,
        unselected: &BTreeSet<String>,
        from: Option<&LogPosition>,
        limits: Limits,
    ) -> Result<Result<Self, Error>, Failure> {
        // A batch of one is an answer of one event a round trip; what a call leaves waits here.
        let batch_size = u32::try_from(limits.rows_max.clamp(BATCH_MIN, BATCH_MAX));
        let batch_size = batch_size.unwrap_or(u32::MAX);
        let command = command(server, options, unselected, from)?;
        let news_wait = limits.wait.clamp(NEWS_WAIT_MIN, NEWS_WAIT_MAX);
        let open = |events: u32| -> Result<Result<Self, Error>, Failure> {
            let mut command = command.clone();
            command.insert("cursor", doc! { "batchSize": i64::from(events) });
            let cursor = server.open_cursor(database, command, batch_size, Some(news_wait))?;
            match cursor {
                Ok(cursor) => Self::new(server, cursor, batch_size),
                Err(error) => Ok(Err(error)),
            }
        };
        let mut feed = match open(0)? {
            // MongoDB itself does not end a stream before it was asked for events. Who does keeps back
            // what it ended with.
            Ok(feed) if feed.opening.as_ref().is_some_and(|opening| opening.is_empty) => {
                open(batch_size)?
            }
            feed => feed,
        };
        if let Ok(feed) = &mut feed {
            feed.is_unproven = from.is_some_and(|position| position.from != From::Time);
        }
        Ok(feed)
    }

    fn new(
        server: &Server,
        mut cursor: RawBatchCursor,
        batch_size: u32,
    ) -> Result<Result<Self, Error>, Failure> {
        // It is there already: the cursor came with it.
        let opening = match server.next(&mut cursor, ANSWER_PATIENCE) {
            Ok(Next::Batch(batch)) => Answer::new(batch, batch_size),
            Ok(Next::NotYet) => return Err(server.silent()),
            Ok(Next::End) => Err(ended()),
            Err(error) => Err(error),
        };
        Ok(opening.map(|opening| Self {
            cursor,
            batch_size,
            token: opening.token.clone(),
            time: opening.time,
            opening: Some(opening).filter(|opening| opening.is_end || !opening.is_empty),
            is_unproven: false,
        }))
    }

    /// The next answer, if it comes in time.
    pub fn next(&mut self, server: &Server, patience: Duration) -> Result<Option<Answer>, Error> {
        if let Some(opening) = self.opening.take() {
            return Ok(Some(opening));
        }
        match server.next(&mut self.cursor, patience)? {
            Next::Batch(batch) => {
                self.is_unproven = false;
                Answer::new(batch, self.batch_size).map(Some)
            }
            Next::NotYet => Ok(None),
            // After the answer that ended it nobody asks again.
            Next::End => Err(ended()),
        }
    }

    /// Lets the server look for news while nobody waits.
    pub fn ask_ahead(&mut self, server: &Server) -> Result<Option<Answer>, Error> {
        let batch = server.nudge(&mut self.cursor).transpose()?;
        self.is_unproven &= batch.is_none();
        batch.map(|batch| Answer::new(batch, self.batch_size)).transpose()
    }

    /// Whether an error may mean that the server does not find the stream's token.
    pub fn is_unproven(&self) -> bool {
        self.is_unproven
    }
}

fn command(
    server: &Server,
    options: &Options,
    unselected: &BTreeSet<String>,
    from: Option<&LogPosition>,
) -> Result<Document, Failure> {
    let mut stream = doc! { "fullDocument": options.full_document.word() };
    if server.features.expanded_events {
        stream.insert("showExpandedEvents", true);
    }
    if let Some(position) = from {
        let token = |token: &RawDocumentBuf| {
            let token = Document::try_from(token.as_ref());
            token.map_err(|_| server.unexpected("a resume token that cannot be sent back"))
        };
        match &position.from {
            From::After(after) => stream.insert("resumeAfter", token(after)?),
            From::AfterEnd(after) => stream.insert("startAfter", token(after)?),
            From::Time => stream.insert("startAtOperationTime", position.time),
        };
    }
    let mut pipeline = vec![doc! { "$changeStream": stream }];
    if !unselected.is_empty() {
        let names: Vec<&str> = unselected.iter().map(String::as_str).collect();
        pipeline.push(doc! { "$match": { "$or": [
            { "ns.coll": { "$nin": names } },
            { "operationType": { "$in": ALWAYS.to_vec() } },
        ] } });
    }
    // What changed in a document comes along though it has no use: to leave it out by `$project` takes
    // the server longer than sending it.
    if server.features.split_events {
        pipeline.push(doc! { "$changeStreamSplitLargeEvent": {} });
    }
    let pipeline: Vec<Bson> = pipeline.into_iter().map(Bson::Document).collect();
    Ok(doc! {
        "aggregate": 1, "pipeline": pipeline, "readConcern": server.read_concern(None),
    })
}

/// The cluster's time of a resume token, as far as it can be told: tokens begin with it, as servers
/// have written them since 4.2.
pub fn time_of(token: &RawDocument) -> Option<Timestamp> {
    const TIMESTAMP_TYPE: &str = "82";
    let data = token.get_str("_data").ok()?;
    let digits = data.strip_prefix(TIMESTAMP_TYPE)?;
    let number = |from: usize| u32::from_str_radix(digits.get(from..from + 8)?, 16).ok();
    Some(Timestamp { time: number(0)?, increment: number(8)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::rawdoc;

    #[test]
    fn the_time_of_a_token_is_read_or_left_open() {
        for (token, expected) in [
            (rawdoc! { "_data": "8264F0C1D2000000052B0229296E04" }, Some((0x64f0_c1d2, 5))),
            (rawdoc! { "_data": "8264F0C1D200000005" }, Some((0x64f0_c1d2, 5))),
            (rawdoc! { "_data": "8264F0C1D2" }, None),
            (rawdoc! { "_data": "82ü4F0C1D2000000052B" }, None),
            (rawdoc! { "_data": "own format" }, None),
            (rawdoc! { "_data": 5 }, None),
            (rawdoc! {}, None),
        ] {
            let time = time_of(&token).map(|time| (time.time, time.increment));
            assert_eq!(time, expected, "{token:?}");
        }
    }
}
