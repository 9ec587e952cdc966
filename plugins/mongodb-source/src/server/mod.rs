//! The server that is read from: the primary, found here and not by the driver.
//!
//! A component has no threads, so the driver runs on a runtime of this thread and makes progress only
//! while a call waits. It is given one literal address: its own discovery would look names up in a
//! way that a component cannot. `topology` finds the primary, `hello` reads what servers say about
//! themselves, `failure` makes instructions of errors.

pub mod failure;
mod hello;
mod topology;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use cartridge_warp_sdk::Failure;
use futures_util::{Stream, StreamExt};
use mongodb::bson::{Document, RawDocument, Timestamp, doc};
use mongodb::error::Error;
use mongodb::options::RunCursorCommandOptions;
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use mongodb::{Client, Database};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::settings::{Address, Login, Settings};

/// The host gives up a call after a minute.
pub const ANSWER_PATIENCE: Duration = Duration::from_secs(40);
/// Documents in one batch of a list.
const LIST_BATCH: u32 = 1000;
/// Turns that the driver gets to send a request before anybody waits for it.
const NUDGES: usize = 8;
/// How long a server is given to hear that nobody needs its cursors any more.
const GOODBYE: Duration = Duration::from_millis(300);

/// What a server's version can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// `showExpandedEvents`: a rename says what it replaced. From 6.0 on.
    pub expanded_events: bool,
    /// A collection can keep each document as every update left it. From 6.0 on.
    pub post_images: bool,
    /// `$changeStreamSplitLargeEvent`. From 6.0.9 on.
    pub split_events: bool,
}

impl Features {
    fn of(version: (i32, i32, i32)) -> Self {
        let is_6 = version >= (6, 0, 0);
        Self { expanded_events: is_6, post_images: is_6, split_events: version >= (6, 0, 9) }
    }
}

/// A connection to the primary.
pub struct Server {
    // Dropped before the runtime, on which it runs.
    client: Client,
    runtime: Rc<Runtime>,
    /// Its name, for messages.
    pub name: String,
    /// What its version can do.
    pub features: Features,
    /// Whether it keeps a log of changes.
    pub has_log: bool,
    login: Login,
    /// The other servers that it knows.
    pub members: Vec<Address>,
}

/// What a cursor brought within the time.
pub enum Next {
    /// A batch, maybe empty.
    Batch(RawBatch),
    /// The server is still working on it; ask again later.
    NotYet,
    /// The cursor is at its end.
    End,
}

/// A runtime that works on this thread, while somebody waits.
pub fn runtime() -> Result<Rc<Runtime>, Failure> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build();
    runtime.map(Rc::new).map_err(|error| {
        Failure::reconnect("runtime", "the component cannot wait for sockets")
            .detail(error.to_string())
    })
}

impl Server {
    /// Finds the primary and logs in, within `patience`.
    pub fn open(
        settings: &Settings,
        runtime: &Rc<Runtime>,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let (address, literal, hello) = topology::primary(settings, runtime, patience)?;
        let name = address.to_string();
        let client = runtime
            .block_on(async { Client::with_options(settings.client(literal, true)) })
            .map_err(|error| failure::of(&error, &name, settings.login()))?;
        let mut server = Self {
            client,
            runtime: runtime.clone(),
            name,
            features: Features::of((0, 0, 0)),
            has_log: hello.has_log(),
            login: settings.login(),
            members: hello.hosts,
        };
        server.features = Features::of(server.version()?);
        Ok(server)
    }

    fn version(&self) -> Result<(i32, i32, i32), Failure> {
        let info = self.run("admin", doc! { "buildInfo": 1 })?;
        let version = info.get_array("versionArray").map(Vec::as_slice).unwrap_or_default();
        let part = |at: usize| version.get(at).and_then(|part| part.as_i32());
        match (part(0), part(1), part(2)) {
            (Some(major), Some(minor), Some(patch)) => Ok((major, minor, patch)),
            _ => Err(self.unexpected("its version is missing")),
        }
    }

    /// Reads only what a majority has, and waits until that includes everything up to `time`. A
    /// standalone knows neither.
    pub fn read_concern(&self, time: Option<Timestamp>) -> Document {
        match (self.has_log, time) {
            (false, _) => doc! { "level": "local" },
            (true, None) => doc! { "level": "majority" },
            (true, Some(time)) => doc! { "level": "majority", "afterClusterTime": time },
        }
    }

    /// A database's handle.
    pub fn database(&self, name: &str) -> Database {
        self.client.database(name)
    }

    /// Runs a command to its end.
    pub fn run(&self, database: &str, command: Document) -> Result<Document, Failure> {
        self.try_run(database, command)?.map_err(|error| self.failure(&error))
    }

    /// The same, for those who want to see the error.
    pub fn try_run(
        &self,
        database: &str,
        command: Document,
    ) -> Result<Result<Document, Error>, Failure> {
        let database = self.database(database);
        self.wait(async { database.run_command(command).await })
    }

    /// Opens a cursor with a command. `await_time`: how long the server waits for news in each of the
    /// batches after the first.
    pub fn open_cursor(
        &self,
        database: &str,
        command: Document,
        batch_size: u32,
        await_time: Option<Duration>,
    ) -> Result<Result<RawBatchCursor, Error>, Failure> {
        let database = self.database(database);
        let mut options = RunCursorCommandOptions::default();
        options.batch_size = Some(batch_size);
        options.max_time = await_time;
        self.wait(async {
            database.run_cursor_command(command).with_options(options).batch().await
        })
    }

    /// The cursor's next batch, if it comes within `patience`. Nothing is lost when it does not.
    pub fn next(&self, cursor: &mut RawBatchCursor, patience: Duration) -> Result<Next, Error> {
        match self.runtime.block_on(async { timeout(patience, cursor.next()).await }) {
            Err(_) => Ok(Next::NotYet),
            Ok(None) => Ok(Next::End),
            Ok(Some(batch)) => batch.map(Next::Batch),
        }
    }

    /// The cursor's next batch, whenever it comes; none at its end.
    pub fn next_batch(&self, cursor: &mut RawBatchCursor) -> Result<Option<RawBatch>, Failure> {
        match self.next(cursor, ANSWER_PATIENCE).map_err(|error| self.failure(&error))? {
            Next::Batch(batch) => Ok(Some(batch)),
            Next::NotYet => Err(self.silent()),
            Next::End => Ok(None),
        }
    }

    /// All documents of a cursor that is known to be short.
    pub fn collect(
        &self,
        database: &str,
        command: Document,
        documents_max: usize,
    ) -> Result<Vec<Document>, Failure> {
        let list = self.collect_few(database, command, documents_max)?;
        list.ok_or_else(|| self.unexpected("a list is far too long"))
    }

    /// All documents of a cursor; none where they are too many.
    pub fn collect_few(
        &self,
        database: &str,
        command: Document,
        documents_max: usize,
    ) -> Result<Option<Vec<Document>>, Failure> {
        let cursor = self.open_cursor(database, command, LIST_BATCH, None)?;
        let mut cursor = cursor.map_err(|error| self.failure(&error))?;
        let mut list = Vec::new();
        while let Some(batch) = self.next_batch(&mut cursor)? {
            for raw in self.documents(&batch)? {
                let document = Document::try_from(raw);
                list.push(document.map_err(|_| self.unexpected("a document is none"))?);
            }
            if list.len() > documents_max {
                return Ok(None);
            }
        }
        Ok(Some(list))
    }

    /// The documents of a batch.
    pub fn documents<'b>(&self, batch: &'b RawBatch) -> Result<Vec<&'b RawDocument>, Failure> {
        let documents = batch.doc_slices().map_err(|error| self.failure(&error))?.into_iter();
        let documents = documents.map(|value| value.ok().and_then(|value| value.as_document()));
        let documents: Option<Vec<_>> = documents.collect();
        documents.ok_or_else(|| self.unexpected("a batch holds what is no document"))
    }

    /// Lets the driver ask for the cursor's next batch while nobody waits for it. Returns the batch if
    /// it is there already.
    pub fn nudge(&self, cursor: &mut RawBatchCursor) -> Option<Result<RawBatch, Error>> {
        self.runtime.block_on(async {
            for _ in 0..NUDGES {
                let now = std::future::poll_fn(|context: &mut Context<'_>| {
                    Poll::Ready(Pin::new(&mut *cursor).poll_next(context))
                });
                if let Poll::Ready(batch) = now.await {
                    return batch;
                }
                tokio::task::yield_now().await;
            }
            None
        })
    }

    /// The only batch of a cursor whose command asks for one (`singleBatch`).
    pub async fn single_batch(&self, database: &str, command: Document) -> Result<RawBatch, Error> {
        let database = self.database(database);
        let mut cursor = database.run_cursor_command(command).batch().await?;
        cursor.next().await.unwrap_or_else(|| Err(ended()))
    }

    /// Works until this is done, or the server is taken for silent.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        self.wait_for(ANSWER_PATIENCE, work)
    }

    fn wait_for<T>(&self, patience: Duration, work: impl Future<Output = T>) -> Result<T, Failure> {
        let done = self.runtime.block_on(async { timeout(patience, work).await });
        done.map_err(|_| self.silent_for(patience))
    }

    /// Asks whether the server is there, on a connection that nothing else occupies.
    pub fn ping(&self, patience: Duration) -> Result<Result<(), Error>, Failure> {
        let database = self.database("admin");
        let ping = async { database.run_command(doc! { "ping": 1 }).await.map(drop) };
        self.wait_for(patience, ping)
    }

    /// An error of the driver as an instruction.
    pub fn failure(&self, error: &Error) -> Failure {
        failure::of(error, &self.name, self.login)
    }

    /// The failure for a server that does not answer.
    pub fn silent(&self) -> Failure {
        self.silent_for(ANSWER_PATIENCE)
    }

    fn silent_for(&self, patience: Duration) -> Failure {
        Failure::reconnect(
            "no-answer",
            format!("server {} did not answer in {patience:?}", self.name),
        )
    }

    /// An answer that no MongoDB gives.
    pub fn unexpected(&self, what: &str) -> Failure {
        Failure::stop(
            "protocol",
            format!(
                "the answer of server {} cannot be understood: {what}; is it MongoDB 5.0 or newer?",
                self.name
            ),
        )
    }
}

/// The error for a cursor that ended before its time.
pub fn ended() -> Error {
    Error::from(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))
}

impl Drop for Server {
    fn drop(&mut self) {
        let goodbye = self.client.clone().shutdown();
        let _ = self.runtime.block_on(async { timeout(GOODBYE, goodbye).await });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_version_can_do() {
        for (version, expanded_events, split_events) in [
            ((5, 0, 31), false, false),
            ((6, 0, 8), true, false),
            ((6, 0, 9), true, true),
            ((7, 0, 0), true, true),
            ((8, 2, 1), true, true),
        ] {
            let post_images = expanded_events;
            let features = Features { expanded_events, post_images, split_events };
            assert_eq!(Features::of(version), features);
        }
    }
}
