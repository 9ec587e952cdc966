//! What the data of a stream holds: pieces of the log, signs of life, and our answer to them.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Buf, Bytes};
use cartridge_warp_sdk::Failure;

use super::wire::unexpected;
use crate::types::EPOCH_MICROS;

/// Kind, start, end, time.
const DATA_HEAD_BYTES: usize = 25;
/// Kind, end, time, whether to answer.
const ALIVE_BYTES: usize = 18;
/// Kind, three places, time, whether to answer.
const STATUS_BYTES: usize = 34;

/// What the server pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message of the output plugin.
    Data(Bytes),
    /// The beginning of one that is too large, and how many bytes it had.
    Cut(Bytes, usize),
    /// A sign of life.
    Alive {
        /// Everything committed before this place was sent.
        reached: u64,
        /// The server waits for an answer and cuts the connection without one.
        wants_answer: bool,
    },
}

impl Event {
    /// Reads the data of one message; none where it is of a kind that came later.
    pub(super) fn decode(mut data: Bytes) -> Result<Option<Self>, Failure> {
        let kind = data.first().copied();
        match kind {
            Some(b'w') if data.len() >= DATA_HEAD_BYTES => {
                data.advance(DATA_HEAD_BYTES);
                Ok(Some(Self::Data(data)))
            }
            Some(b'k') if data.len() == ALIVE_BYTES => {
                data.advance(1);
                let reached = data.get_u64();
                data.advance(8);
                Ok(Some(Self::Alive { reached, wants_answer: data.get_u8() != 0 }))
            }
            Some(b'w' | b'k') | None => Err(unexpected("a piece of the stream")),
            Some(_) => Ok(None),
        }
    }

    /// As [`Event::decode`], of data of which only the beginning was kept.
    pub(super) fn decode_cut(head: Bytes, whole: usize) -> Result<Self, Failure> {
        match Self::decode(head)? {
            Some(Self::Data(head)) => Ok(Self::Cut(head, whole.saturating_sub(DATA_HEAD_BYTES))),
            _ => Err(unexpected("a piece of the stream")),
        }
    }
}

/// A status update: everything before `flushed` was received, is safe and was applied.
pub(super) fn status(flushed: u64, ask: bool) -> [u8; STATUS_BYTES] {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let micros = i64::try_from(since_1970).unwrap_or(i64::MAX).saturating_sub(EPOCH_MICROS);
    let mut status = [0; STATUS_BYTES];
    status[0] = b'r';
    for place in status[1..25].chunks_exact_mut(8) {
        place.copy_from_slice(&flushed.to_be_bytes());
    }
    status[25..33].copy_from_slice(&micros.to_be_bytes());
    status[33] = u8::from(ask);
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(answer: u8) -> Vec<u8> {
        [b"k".as_slice(), &7_u64.to_be_bytes(), &[0; 8], &[answer]].concat()
    }

    #[test]
    fn pieces_are_read_and_cut_ones_refused() {
        let data = [b"w".as_slice(), &[0; 24], b"B..."].concat();
        let read = |bytes: &[u8]| Event::decode(Bytes::copy_from_slice(bytes));
        assert_eq!(read(&data), Ok(Some(Event::Data(Bytes::from_static(b"B...")))));
        for (answer, wants_answer) in [(0, false), (1, true)] {
            let event = Event::Alive { reached: 7, wants_answer };
            assert_eq!(read(&alive(answer)), Ok(Some(event)));
        }
        for end in 0..DATA_HEAD_BYTES {
            assert!(read(&data[..end]).is_err(), "cut at {end}");
        }
        for end in 0..ALIVE_BYTES {
            assert!(read(&alive(0)[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(read(b"s..."), Ok(None), "progress of a later protocol");
    }

    #[test]
    fn a_status_names_one_place_three_times() {
        let status = status(0x0102, true);
        assert_eq!(status[..9], [b'r', 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!((status[1..9] == status[9..17], status[1..9] == status[17..25]), (true, true));
        assert_eq!(status[33], 1);
        let clock = i64::from_be_bytes(status[25..33].try_into().unwrap());
        assert!(clock > 700_000_000_000_000, "{clock} is not of this century");
    }
}
