//! Messages of the server that are too large to be held.
//!
//! A component has little memory, and a row may have a gigabyte. Each message says its length first, so
//! one that is too large is found out before any of it is kept (I7).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The largest message that is held. On its way to the host a row lies several times in memory.
pub const ROW_BYTES_MAX: usize = 48 << 20;
/// What is kept of a larger one, where its beginning is of use.
pub const HEAD_BYTES: usize = 64 << 10;
/// The code of the failure for a larger one.
pub const TOO_LARGE: &str = "row-too-large";

/// Kind and length.
const HEADER_BYTES: usize = 5;

/// A message of so many bytes.
#[derive(Debug)]
pub(crate) struct TooLarge(u32);

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server sent a row of {} bytes; {ROW_BYTES_MAX} are taken", self.0)
    }
}

impl std::error::Error for TooLarge {}

/// A stream of messages that ends with an error before one that is too large.
pub(crate) struct Guarded<S> {
    stream: S,
    header: [u8; HEADER_BYTES],
    /// How much of the header is here.
    known: usize,
    /// Bytes of the message that are still to come.
    left: usize,
}

impl<S> Guarded<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, header: [0; HEADER_BYTES], known: 0, left: 0 }
    }

    /// Goes through bytes that arrived.
    fn look(&mut self, mut bytes: &[u8]) -> Result<(), TooLarge> {
        while !bytes.is_empty() {
            let skipped = self.left.min(bytes.len());
            bytes = &bytes[skipped..];
            self.left -= skipped;
            let taken = (HEADER_BYTES - self.known).min(bytes.len());
            self.header[self.known..self.known + taken].copy_from_slice(&bytes[..taken]);
            self.known += taken;
            bytes = &bytes[taken..];
            if self.known < HEADER_BYTES {
                return Ok(());
            }
            let [_, length @ ..] = self.header;
            let length = u32::from_be_bytes(length);
            if length as usize > ROW_BYTES_MAX {
                return Err(TooLarge(length));
            }
            // The length counts itself.
            self.left = (length as usize).saturating_sub(HEADER_BYTES - 1);
            self.known = 0;
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Poll::Ready(self.look(&buffer.filled()[before..]).map_err(io::Error::other))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: usize) -> Vec<u8> {
        let length = u32::try_from(body + 4).unwrap_or(u32::MAX).to_be_bytes();
        [&[kind][..], &length, &vec![7; body]].concat()
    }

    #[test]
    fn a_message_that_is_too_large_is_found_out_by_its_header() {
        let small = [message(b'Z', 0), message(b'd', 70_000), message(b'd', 1)].concat();
        let large = [&small[..], b"d", &(u32::MAX / 2).to_be_bytes()].concat();
        for step in [1, 2, 3, 5, 4096, usize::MAX] {
            let mut guarded = Guarded::new(());
            assert!(small.chunks(step).all(|part| guarded.look(part).is_ok()), "{step}");
            assert_eq!((guarded.known, guarded.left), (0, 0), "{step}");
            let mut guarded = Guarded::new(());
            assert!(large.chunks(step).any(|part| guarded.look(part).is_err()), "{step}");
        }
    }
}
