//! MongoDB's messages (OP_MSG) on a stream of bytes, one document each.
//!
//! Compression, checksums and document sequences are not used: neither side asks for them. No message
//! is longer than MongoDB allows.

use std::io::{self, Read, Write};

use bson::Document;

const OP_MSG: i32 = 2013;
/// What drivers that do not know the server yet begin with.
const OP_QUERY: i32 = 2004;
const OP_REPLY: i32 = 1;
const HEADER_BYTES: usize = 16;
const MESSAGE_BYTES_MAX: usize = 48_000_000;
/// The section with one document.
const BODY: u8 = 0;
/// The section with a named list of documents.
const SEQUENCE: u8 = 1;

/// A message that arrived.
pub(crate) struct Message {
    pub(crate) id: i32,
    pub(crate) body: Document,
    /// It came in the old form and wants an answer in the old form.
    pub(crate) is_query: bool,
}

/// Sends a document, as an answer to another message or as a question (0).
pub(crate) fn send(stream: &mut impl Write, id: i32, to: i32, body: &Document) -> io::Result<()> {
    let mut payload = vec![0, 0, 0, 0, BODY];
    payload.extend(body.to_vec().map_err(io::Error::other)?);
    write(stream, id, to, OP_MSG, &payload)
}

/// Answers a message in the form it came in.
pub(crate) fn answer(stream: &mut impl Write, to: &Message, body: &Document) -> io::Result<()> {
    if !to.is_query {
        return send(stream, to.id, to.id, body);
    }
    // Flags, cursor, offset, and that there is one document.
    let mut payload = vec![0; 16];
    payload.extend(1_i32.to_le_bytes());
    payload.extend(body.to_vec().map_err(io::Error::other)?);
    write(stream, to.id, to.id, OP_REPLY, &payload)
}

/// Waits for a message; none at the end of the stream.
pub(crate) fn receive(stream: &mut impl Read) -> io::Result<Option<Message>> {
    let mut header = [0; HEADER_BYTES];
    if stream.read(&mut header[..1])? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut header[1..])?;
    let number = |at: usize| i32::from_le_bytes(header[at..at + 4].try_into().unwrap());
    let length = usize::try_from(number(0)).unwrap_or(0);
    if !(HEADER_BYTES..=MESSAGE_BYTES_MAX).contains(&length) {
        return Err(io::Error::other(format!("a message of {length} bytes")));
    }
    let mut payload = vec![0; length - HEADER_BYTES];
    stream.read_exact(&mut payload)?;
    let (body, is_query) = match number(12) {
        OP_MSG => (sections(&payload)?, false),
        OP_QUERY => (query(&payload)?, true),
        other => return Err(io::Error::other(format!("a message of kind {other}"))),
    };
    Ok(Some(Message { id: number(4), body, is_query }))
}

fn write(stream: &mut impl Write, id: i32, to: i32, kind: i32, payload: &[u8]) -> io::Result<()> {
    let length = HEADER_BYTES + payload.len();
    assert!(length <= MESSAGE_BYTES_MAX, "a message of {length} bytes is too long");
    let length = i32::try_from(length).map_err(io::Error::other)?;
    let mut message = Vec::with_capacity(HEADER_BYTES + payload.len());
    for number in [length, id, to, kind] {
        message.extend(number.to_le_bytes());
    }
    message.extend(payload);
    stream.write_all(&message)?;
    stream.flush()
}

/// The body, with lists of documents put back where they belong.
fn sections(payload: &[u8]) -> io::Result<Document> {
    let mut rest = payload.get(4..).unwrap_or_default();
    let (mut body, mut lists) = (Document::new(), Document::new());
    while let Some((&kind, section)) = rest.split_first() {
        let length = size(section)?;
        match kind {
            BODY => body = document(&section[..length])?,
            SEQUENCE => {
                let text = &section[4..length];
                let end = text.iter().position(|byte| *byte == 0).ok_or_else(short)?;
                let name = String::from_utf8_lossy(&text[..end]).into_owned();
                lists.insert(name, documents(&text[end + 1..])?);
            }
            _ => return Err(io::Error::other(format!("a section of kind {kind}"))),
        }
        rest = &section[length..];
    }
    body.extend(lists);
    Ok(body)
}

fn query(payload: &[u8]) -> io::Result<Document> {
    let name = payload.get(4..).ok_or_else(short)?;
    let end = name.iter().position(|byte| *byte == 0).ok_or_else(short)?;
    document(name.get(end + 9..).ok_or_else(short)?)
}

fn documents(mut bytes: &[u8]) -> io::Result<Vec<Document>> {
    let mut documents = Vec::new();
    while !bytes.is_empty() {
        let length = size(bytes)?;
        documents.push(document(&bytes[..length])?);
        bytes = &bytes[length..];
    }
    Ok(documents)
}

fn document(bytes: &[u8]) -> io::Result<Document> {
    Document::from_reader(bytes).map_err(io::Error::other)
}

/// The length that a document or a section begins with, itself included.
fn size(bytes: &[u8]) -> io::Result<usize> {
    let length = bytes.get(..4).ok_or_else(short)?;
    let length = i32::from_le_bytes(length.try_into().map_err(io::Error::other)?);
    let length = usize::try_from(length).map_err(io::Error::other)?;
    match (5..=bytes.len()).contains(&length) {
        true => Ok(length),
        false => Err(short()),
    }
}

fn short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "a message that ends too soon")
}
