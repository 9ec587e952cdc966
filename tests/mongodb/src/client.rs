//! A connection to a server for what tests do themselves: commands, one after the other.
//!
//! It is no driver: it knows one server and tries nothing again.

use std::fmt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bson::{Bson, Document, doc};
use rustls::{ClientConnection, StreamOwned};

use crate::wire;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Documents in one message: MongoDB takes no more than 100,000, nor more than 48 MB.
const DOCUMENTS_MAX: usize = 10_000;

/// A connection.
pub struct Client {
    stream: Box<dyn Stream>,
    messages: i32,
}

/// Bytes in both directions, plain or not.
trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// Why a command was not done.
#[derive(Debug)]
pub enum Refusal {
    /// The connection broke: it may have been done.
    Broken(std::io::Error),
    /// The server's words and its number for them.
    Refused { code: i32, message: String },
}

impl Client {
    /// Connects to a server on 127.0.0.1.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(port: u16) -> Result<Self, Refusal> {
        Self::connect_by(port, None)
    }

    /// The same, by TLS where there is some.
    pub(crate) fn connect_by(port: u16, tls: Option<ClientConnection>) -> Result<Self, Refusal> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let stream: Box<dyn Stream> = match tls {
            Some(tls) => Box::new(StreamOwned::new(tls, stream)),
            None => Box::new(stream),
        };
        Ok(Self { stream, messages: 0 })
    }

    /// Runs a command and returns the server's answer.
    ///
    /// # Errors
    /// When the server refuses it or any of its writes, or the connection breaks.
    pub fn run(&mut self, database: &str, mut command: Document) -> Result<Document, Refusal> {
        command.insert("$db", database);
        let answer = self.ask(&command)?;
        match refusal(&answer) {
            Some(refusal) => Err(refusal),
            None => Ok(answer),
        }
    }

    /// Sends a command as it is and returns whatever the server says to it.
    pub(crate) fn ask(&mut self, command: &Document) -> std::io::Result<Document> {
        self.messages += 1;
        wire::send(&mut self.stream, self.messages, 0, command)?;
        let end = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        Ok(wire::receive(&mut self.stream)?.ok_or_else(end)?.body)
    }

    /// Inserts documents, in the order given.
    ///
    /// # Errors
    /// As [`Client::run`].
    pub fn insert(
        &mut self,
        database: &str,
        collection: &str,
        documents: &[Document],
    ) -> Result<(), Refusal> {
        for some in documents.chunks(DOCUMENTS_MAX) {
            let some: Vec<Bson> = some.iter().cloned().map(Bson::Document).collect();
            self.run(database, doc! {"insert": collection, "documents": some})?;
        }
        Ok(())
    }

    /// All documents of a collection that match.
    ///
    /// # Errors
    /// As [`Client::run`].
    pub fn find(
        &mut self,
        database: &str,
        collection: &str,
        filter: Document,
    ) -> Result<Vec<Document>, Refusal> {
        let find = doc! {"find": collection, "filter": filter, "batchSize": 1000};
        let mut answer = self.run(database, find)?;
        let mut found = Vec::new();
        loop {
            let mut cursor = taken(&mut answer, "cursor");
            for name in ["firstBatch", "nextBatch"] {
                if let Some(Bson::Array(batch)) = cursor.remove(name) {
                    found.extend(batch.into_iter().filter_map(|each| match each {
                        Bson::Document(document) => Some(document),
                        _ => None,
                    }));
                }
            }
            let id = cursor.get_i64("id").unwrap_or_default();
            if id == 0 {
                return Ok(found);
            }
            let more = doc! {"getMore": id, "collection": collection, "batchSize": 10_000};
            answer = self.run(database, more)?;
        }
    }
}

fn taken(answer: &mut Document, name: &str) -> Document {
    match answer.remove(name) {
        Some(Bson::Document(document)) => document,
        _ => Document::new(),
    }
}

/// What an answer says about the whole command, its first write or its durability.
fn refusal(answer: &Document) -> Option<Refusal> {
    let ok = answer.get("ok").is_some_and(|ok| {
        ok.as_f64() == Some(1.0) || ok.as_i32() == Some(1) || ok.as_bool() == Some(true)
    });
    let first_write = answer.get_array("writeErrors").ok().and_then(|errors| errors.first());
    let of_writes = first_write.and_then(Bson::as_document);
    let of_concern = answer.get_document("writeConcernError").ok();
    let error = (!ok).then_some(answer).or(of_writes).or(of_concern)?;
    Some(Refusal::Refused {
        code: error.get_i32("code").unwrap_or_default(),
        message: error.get_str("errmsg").unwrap_or("no words").to_owned(),
    })
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::Refused { code, message } => write!(f, "{message} (code {code})"),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error)
    }
}
