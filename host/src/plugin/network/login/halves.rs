//! The guest's halves of a connection at which the host logs in.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
};

use super::{
    super::streams::{Reading, Writing},
    startup,
};

/// What the guest hears first, and where it hears more.
pub(super) struct Answer {
    pub words: Bytes,
    /// None where that was all.
    pub more: Option<Reading>,
}

pub(super) enum GuestReading {
    Waiting(oneshot::Receiver<Answer>),
    Open(Answer),
}

impl GuestReading {
    pub(super) fn new(answer: oneshot::Receiver<Answer>) -> Self {
        Self::Waiting(answer)
    }
}

impl AsyncRead for GuestReading {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Self::Waiting(answer) = &mut *self {
            let answer = ready!(Pin::new(answer).poll(cx)).map_err(|_| broken_off())?;
            *self = Self::Open(answer);
        }
        let Self::Open(answer) = &mut *self else { return Poll::Pending };
        if answer.words.has_remaining() {
            let count = answer.words.remaining().min(buffer.remaining());
            buffer.put_slice(&answer.words.split_to(count));
            return Poll::Ready(Ok(()));
        }
        match &mut answer.more {
            Some(more) => Pin::new(more).poll_read(cx, buffer),
            None => Poll::Ready(Ok(())),
        }
    }
}

pub(super) enum GuestWriting {
    /// The first message is not complete.
    Collecting {
        bytes: BytesMut,
        first: oneshot::Sender<Bytes>,
        opened: oneshot::Receiver<Writing>,
    },
    Waiting(oneshot::Receiver<Writing>),
    Open(Writing),
    Ended,
}

impl GuestWriting {
    pub(super) fn new(first: oneshot::Sender<Bytes>, opened: oneshot::Receiver<Writing>) -> Self {
        Self::Collecting { bytes: BytesMut::new(), first, opened }
    }

    /// Takes what belongs to the first message, and nothing of what follows it.
    fn collect(&mut self, given: &[u8]) -> io::Result<usize> {
        let Self::Collecting { bytes, .. } = self else { return Ok(0) };
        let missing = startup::missing(bytes).map_err(unfit)?;
        let count = missing.min(given.len());
        bytes.extend_from_slice(&given[..count]);
        if startup::missing(bytes).map_err(unfit)? == 0
            && let Self::Collecting { bytes, first, opened } = std::mem::replace(self, Self::Ended)
        {
            // Without a listener the wait that follows ends at once.
            drop(first.send(bytes.freeze()));
            *self = Self::Waiting(opened);
        }
        Ok(count)
    }

    fn opened(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut Writing>> {
        if let Self::Waiting(opened) = self {
            let opened = ready!(Pin::new(opened).poll(cx)).map_err(|_| broken_off())?;
            *self = Self::Open(opened);
        }
        match self {
            Self::Open(to) => Poll::Ready(Ok(to)),
            _ => Poll::Ready(Err(broken_off())),
        }
    }
}

impl AsyncWrite for GuestWriting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if matches!(*self, Self::Collecting { .. }) && !bytes.is_empty() {
            return Poll::Ready(self.collect(bytes));
        }
        Pin::new(ready!(self.opened(cx))?).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Open(to) => Pin::new(to).poll_flush(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Waiting(_) | Self::Open(_) => {
                Pin::new(ready!(self.opened(cx))?).poll_shutdown(cx)
            }
            Self::Collecting { .. } | Self::Ended => {
                *self = Self::Ended;
                Poll::Ready(Ok(()))
            }
        }
    }
}

fn broken_off() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the host's login did not come about")
}

fn unfit(why: startup::Unfit) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
