//! The frame around a message: marker, length, metadata, body.

use arrow_ipc::{Message, MetadataVersion};

use super::WireError;

const MARKER: [u8; 4] = [0xff; 4];

/// Metadata and the place of the body of one encapsulated message.
pub(super) struct Envelope<'a> {
    pub message: Message<'a>,
    /// Where the body starts in the bytes; it goes to their end.
    pub body_start: usize,
}

pub(super) fn open(bytes: &[u8]) -> Result<Envelope<'_>, WireError> {
    let (marker, rest) = bytes.split_first_chunk::<4>().ok_or_else(short)?;
    if *marker != MARKER {
        return Err(WireError::new("it does not start with the continuation marker"));
    }
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let length = usize::try_from(i32::from_le_bytes(*length)).map_err(|_| short())?;
    let (metadata, body) = rest.split_at_checked(length).ok_or_else(short)?;
    let message = arrow_ipc::root_as_message(metadata)
        .map_err(|_| WireError::new("its metadata is no Arrow message"))?;
    if message.version() != MetadataVersion::V5 {
        return Err(WireError::new("its metadata is not version 5"));
    }
    if usize::try_from(message.bodyLength()) != Ok(body.len()) {
        return Err(WireError::new("its body does not have the length that it says"));
    }
    Ok(Envelope { message, body_start: bytes.len() - body.len() })
}

fn short() -> WireError {
    WireError::new("it ends too early")
}
