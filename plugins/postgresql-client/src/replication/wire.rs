//! Messages on a socket: whole ones in, whole ones out.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use cartridge_warp_sdk::Failure;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{ErrorResponseBody, Header, Message};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::error::SqlState;

use crate::failure::{self, Answer};
use crate::large::{HEAD_BYTES, ROW_BYTES_MAX};

/// What is read at once.
const READ_BYTES: usize = 64 << 10;
/// The longest message: a row cannot be larger at the server either (I7).
const MESSAGE_BYTES_MAX: usize = 1 << 30;
/// Fields of an error that are looked at; there are eighteen kinds.
const FIELDS_MAX: usize = 32;
/// Kind and length.
const HEADER_BYTES: usize = 5;
const COPY_DATA_TAG: u8 = b'd';
/// Both directions carry data from now on; the driver's messages lack it.
const COPY_BOTH_TAG: u8 = b'W';

/// A message of the server.
pub(super) enum Incoming {
    /// Both sides may send data now.
    CopyBoth,
    /// Data.
    Copy(Bytes),
    /// The beginning of data that is too large, and how many bytes there were.
    CutCopy(Bytes, usize),
    /// Everything else.
    Other(Message),
}

/// A connected socket and what was read off it.
pub(super) struct Wire {
    stream: TcpStream,
    buffer: BytesMut,
    /// Data that is too large, of which bytes are still to come.
    cut: Option<Cut>,
    /// What is being sent.
    out: BytesMut,
}

struct Cut {
    head: Bytes,
    whole: usize,
    left: usize,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: BytesMut::new(), cut: None, out: BytesMut::new() }
    }

    /// Sends a message.
    pub(super) async fn send(
        &mut self,
        message: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<(), Failure> {
        self.out.clear();
        message(&mut self.out).map_err(|error| {
            let what = "a setting holds a character that the protocol cannot carry";
            Failure::config("invalid-connection-string", what).detail(error.to_string())
        })?;
        self.stream.write_all(&self.out).await.map_err(lost)
    }

    /// The next message.
    pub(super) async fn incoming(&mut self) -> Result<Incoming, Failure> {
        loop {
            if let Some(incoming) = self.parsed()? {
                return Ok(incoming);
            }
            self.buffer.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.buffer).await.map_err(lost)? == 0 {
                return Err(lost(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// The next message if it is here, without waiting.
    pub(super) fn arrived(&mut self) -> Result<Option<Incoming>, Failure> {
        loop {
            if let Some(incoming) = self.parsed()? {
                return Ok(Some(incoming));
            }
            self.buffer.reserve(READ_BYTES);
            match self.stream.try_read_buf(&mut self.buffer) {
                Ok(0) => return Err(lost(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(lost(error)),
            }
        }
    }

    /// Waits until something can be read.
    pub(super) async fn readable(&self) -> Result<(), Failure> {
        self.stream.readable().await.map_err(lost)
    }

    /// Skips what is left of a refused command's answer.
    pub(super) async fn until_ready(&mut self) -> Result<(), Failure> {
        while !matches!(self.incoming().await?, Incoming::Other(Message::ReadyForQuery(_))) {}
        Ok(())
    }

    /// Ends the session, if that can be said without waiting.
    pub(super) fn say_goodbye(&mut self) {
        self.out.clear();
        frontend::copy_done(&mut self.out);
        frontend::terminate(&mut self.out);
        let _ = self.stream.try_write(&self.out);
    }

    fn parsed(&mut self) -> Result<Option<Incoming>, Failure> {
        if let Some(cut) = &mut self.cut {
            let here = cut.left.min(self.buffer.len());
            self.buffer.advance(here);
            cut.left -= here;
            let ended = self.cut.take_if(|cut| cut.left == 0);
            return Ok(ended.map(|cut| Incoming::CutCopy(cut.head, cut.whole)));
        }
        let malformed = |_| unexpected("a message");
        let Some(header) = Header::parse(&self.buffer).map_err(malformed)? else { return Ok(None) };
        let length = usize::try_from(header.len()).unwrap_or_default() + 1;
        if length > MESSAGE_BYTES_MAX {
            return Err(unexpected("a message's length"));
        }
        if header.tag() == COPY_DATA_TAG
            && length > ROW_BYTES_MAX
            && self.buffer.len() >= HEAD_BYTES
        {
            self.buffer.advance(HEADER_BYTES);
            let head = Bytes::copy_from_slice(&self.buffer.split_to(HEAD_BYTES - HEADER_BYTES));
            self.cut = Some(Cut { head, whole: length - HEADER_BYTES, left: length - HEAD_BYTES });
            return self.parsed();
        }
        // Asked for by length alone, the rest would be allocated before it has come.
        if self.buffer.len() < length {
            return Ok(None);
        }
        if header.tag() == COPY_BOTH_TAG {
            self.buffer.advance(length);
            return Ok(Some(Incoming::CopyBoth));
        }
        Ok(Message::parse(&mut self.buffer).map_err(malformed)?.map(|message| match message {
            Message::CopyData(body) => Incoming::Copy(body.into_bytes()),
            other => Incoming::Other(other),
        }))
    }
}

/// An error that the server sent.
pub(super) fn failure(body: &ErrorResponseBody) -> Failure {
    let fields: Vec<_> = body.fields().take(FIELDS_MAX).iterator().map_while(Result::ok).collect();
    let text = |kind: u8| {
        let field = fields.iter().find(|field| field.type_() == kind)?;
        std::str::from_utf8(field.value_bytes()).ok()
    };
    failure::of_answer(&Answer {
        sqlstate: SqlState::from_code(text(b'C').unwrap_or_default()),
        message: text(b'M').unwrap_or("the server gave no reason"),
        hint: text(b'H'),
        about: [("column", None), ("constraint", None)],
    })
}

/// The server does not keep to the protocol.
pub(super) fn unexpected(what: &str) -> Failure {
    Failure::stop("protocol", format!("{what} of the server is not what the protocol has"))
}

fn lost(error: io::Error) -> Failure {
    failure::cut().detail(error.to_string())
}
