//! The first message of a connection: who wants in, or what is to be cancelled. Pure.

use super::super::limits::STARTUP_BYTES_MAX;

/// The number in place of a version that asks to cancel a query.
const CANCEL: u32 = 80_877_102;
const VERSION: u32 = 3;
const HEAD_BYTES: usize = 8;

/// What a guest wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    /// To be let in.
    Start,
    /// To cancel a query, by the secret that it got with its connection. Nobody logs in for that.
    Cancel,
}

/// Why the host doesn't pass a first message on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the connector's first message is no start-up message of version 3")]
    Other,
    #[error("the connector wants in as another user than `{0}`, whom connection_string names")]
    User(String),
}

/// Bytes that are missing of the message that begins so.
pub(super) fn missing(bytes: &[u8]) -> Result<usize, Unfit> {
    let Some((head, _)) = bytes.split_first_chunk::<4>() else { return Ok(4 - bytes.len()) };
    let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
    if !(HEAD_BYTES..=STARTUP_BYTES_MAX).contains(&length) {
        return Err(Unfit::Other);
    }
    Ok(length.saturating_sub(bytes.len()))
}

/// Reads a complete message, which must be from this user.
pub(super) fn read(message: &[u8], user: &str) -> Result<First, Unfit> {
    let Some(code) = message.get(4..).and_then(|rest| rest.first_chunk::<4>()) else {
        return Err(Unfit::Other);
    };
    match u32::from_be_bytes(*code) {
        CANCEL => return Ok(First::Cancel),
        version if version >> 16 == VERSION => {}
        _ => return Err(Unfit::Other),
    }
    // Pairs of texts, each with a zero behind it, and another zero.
    let parameters = message.get(HEAD_BYTES..).and_then(|rest| rest.strip_suffix(&[0, 0]));
    let mut texts = parameters.ok_or(Unfit::Other)?.split(|byte| *byte == 0);
    let mut named = false;
    while let Some(name) = texts.next() {
        let value = texts.next().ok_or(Unfit::Other)?;
        if name.is_empty() {
            return Err(Unfit::Other);
        }
        if name == b"user" {
            if value != user.as_bytes() {
                return Err(Unfit::User(user.to_owned()));
            }
            named = true;
        }
    }
    if named { Ok(First::Start) } else { Err(Unfit::User(user.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(code: u32, rest: &[u8]) -> Vec<u8> {
        let length = u32::try_from(8 + rest.len()).unwrap();
        [&length.to_be_bytes()[..], &code.to_be_bytes(), rest].concat()
    }

    #[test]
    fn only_the_configured_user_is_let_through() {
        const V3: u32 = 3 << 16;
        let other = Err(Unfit::Other);
        let stranger = || Err(Unfit::User("me".to_owned()));
        let cases = [
            ("start", V3, &b"user\0me\0database\0shop\0\0"[..], Ok(First::Start)),
            ("a later minor version", V3 + 2, b"user\0me\0\0", Ok(First::Start)),
            ("replication", V3, b"replication\0database\0user\0me\0\0", Ok(First::Start)),
            ("an empty value", V3, b"user\0me\0options\0\0\0", Ok(First::Start)),
            ("another user", V3, b"user\0root\0\0", stranger()),
            ("the last one counts for servers", V3, b"user\0me\0user\0root\0\0", stranger()),
            ("no user", V3, b"database\0shop\0\0", stranger()),
            ("no end", V3, b"user\0me\0", other),
            ("nothing", V3, b"", Err(Unfit::Other)),
            ("an empty name", V3, b"\0me\0user\0me\0\0", Err(Unfit::Other)),
            ("hidden behind an end", V3, b"user\0me\0\0user\0root\0\0", Err(Unfit::Other)),
            ("an older version", 2 << 16, b"user\0me\0\0", Err(Unfit::Other)),
            ("asks for TLS", 80_877_103, b"", Err(Unfit::Other)),
            ("cancels", CANCEL, &[0, 0, 0, 1, 0, 0, 0, 2], Ok(First::Cancel)),
        ];
        for (name, code, rest, expected) in cases {
            let message = message(code, rest);
            assert_eq!(missing(&message), Ok(0), "{name}");
            assert_eq!(read(&message, "me"), expected, "{name}");
        }
    }

    #[test]
    fn a_message_is_as_long_as_it_says_within_bounds() {
        let message = message(3 << 16, b"user\0me\0\0");
        for length in 0..4 {
            assert_eq!(missing(&message[..length]), Ok(4 - length));
        }
        for length in 4..message.len() {
            assert_eq!(missing(&message[..length]), Ok(message.len() - length));
        }
        let longest = u32::try_from(STARTUP_BYTES_MAX).unwrap();
        assert_eq!(missing(&longest.to_be_bytes()), Ok(STARTUP_BYTES_MAX - 4));
        for length in [0, 7, longest + 1, u32::MAX] {
            assert_eq!(missing(&length.to_be_bytes()), Err(Unfit::Other), "{length}");
        }
    }
}
