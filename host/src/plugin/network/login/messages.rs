//! Messages of a login as bytes: a letter, the length with its own four bytes, the rest.

use bytes::{BufMut, Bytes, BytesMut};

/// SQLSTATE of a login that is refused.
const REFUSED: &str = "28000";

/// A whole message.
pub(super) fn message(kind: u8, body: &[u8]) -> Bytes {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    let mut bytes = BytesMut::with_capacity(body.len() + 5);
    bytes.put_u8(kind);
    bytes.put_u32(length);
    bytes.put_slice(body);
    bytes.freeze()
}

/// The guest is let in.
pub(super) fn let_in() -> Bytes {
    message(b'R', &[0; 4])
}

/// The guest is not, in the words of a server's error.
pub(super) fn refusal(why: &str) -> Bytes {
    let mut body = Vec::new();
    for (field, text) in [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', REFUSED), (b'M', why)] {
        body.push(field);
        body.extend(text.bytes().filter(|byte| *byte != 0));
        body.push(0);
    }
    body.push(0);
    message(b'E', &body)
}
