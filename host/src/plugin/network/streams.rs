//! A connection's bytes as the guest's streams.
//!
//! Nothing here blocks the guest but its own waiting: what can be moved at once is, and the rest is
//! read when it is asked for, or written by a task of its own. Buffers are bounded (I7).

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    runtime::Handle,
    time::timeout,
};
use tokio_util::{io::poll_read_buf, task::AbortOnDropHandle};
use wasmtime_wasi::{
    async_trait,
    p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult},
};

use super::{
    limits::{LINGER, READ_BYTES_MAX, WRITE_BYTES_MAX},
    report::Meter,
};
use crate::plugin::Direction;

pub(super) type Reading = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type Writing = Box<dyn AsyncWrite + Send + Unpin>;

/// An open connection, as bytes in both directions.
pub(super) struct Connection {
    pub reading: Reading,
    pub writing: Writing,
    pub local_port: u16,
    /// Whether it was to be protected if possible, and travels in plain to another machine.
    pub stripped: bool,
}

/// What the peer sends. Clones are one stream.
#[derive(Clone)]
pub(super) struct Incoming(Arc<Mutex<ReadState>>);

struct ReadState {
    /// None at the end.
    from: Option<Reading>,
    buffer: BytesMut,
    failed: Option<io::Error>,
    meter: Meter,
}

impl Incoming {
    pub(super) fn new(from: Reading, meter: Meter) -> Self {
        let state = ReadState { from: Some(from), buffer: BytesMut::new(), failed: None, meter };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Ends the stream for the guest.
    pub(super) fn shut_down(&self) {
        let mut state = self.lock();
        state.from = None;
        state.buffer.clear();
    }

    fn lock(&self) -> MutexGuard<'_, ReadState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadState {
    /// Ready when there are bytes, or never will be.
    fn fill(&mut self, bytes_max: usize, cx: &mut Context<'_>) -> Poll<()> {
        if !self.buffer.is_empty() {
            return Poll::Ready(());
        }
        let Some(from) = &mut self.from else { return Poll::Ready(()) };
        self.buffer.reserve(bytes_max);
        let mut room = (&mut self.buffer).limit(bytes_max);
        match ready!(poll_read_buf(Pin::new(from), cx, &mut room)) {
            Ok(0) => self.from = None,
            Ok(count) => self.meter.count(Direction::Received, count),
            Err(error) => {
                self.meter.broken(&error);
                self.from = None;
                self.failed = Some(error);
            }
        }
        Poll::Ready(())
    }
}

#[async_trait]
impl InputStream for Incoming {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let mut state = self.lock();
        let mut nobody = Context::from_waker(Waker::noop());
        if state.fill(size.min(READ_BYTES_MAX), &mut nobody).is_pending() {
            return Ok(Bytes::new());
        }
        if let Some(error) = state.failed.take() {
            return Err(StreamError::LastOperationFailed(error.into()));
        }
        if state.buffer.is_empty() {
            return Err(StreamError::Closed);
        }
        let size = size.min(state.buffer.len());
        Ok(state.buffer.split_to(size).freeze())
    }
}

#[async_trait]
impl Pollable for Incoming {
    async fn ready(&mut self) {
        std::future::poll_fn(|cx| self.lock().fill(READ_BYTES_MAX, cx)).await;
    }
}

/// What the guest sends. Clones are one stream; with the last one it ends.
#[derive(Clone)]
pub(super) struct Outgoing(Arc<Mutex<WriteState>>);

struct WriteState {
    step: Step,
    meter: Meter,
}

enum Step {
    Idle(Writing),
    /// A task writes what did not go at once.
    Busy(AbortOnDropHandle<io::Result<Writing>>),
    /// A task writes that, and then tells the peer that there is no more.
    Ending(AbortOnDropHandle<io::Result<()>>),
    Ended,
    /// The guest has not heard of it yet.
    Failed(io::Error),
}

impl Outgoing {
    pub(super) fn new(to: Writing, meter: Meter) -> Self {
        Self(Arc::new(Mutex::new(WriteState { step: Step::Idle(to), meter })))
    }

    /// Tells the peer that there is no more, after what was written.
    pub(super) fn shut_down(&self) {
        let mut state = self.lock();
        state.step = match state.take() {
            Step::Idle(mut to) => Step::Ending(spawn(async move { to.shutdown().await })),
            Step::Busy(task) => Step::Ending(spawn(async move {
                let mut to = task.await.map_err(io::Error::other)??;
                to.shutdown().await
            })),
            other => other,
        };
    }

    fn lock(&self) -> MutexGuard<'_, WriteState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WriteState {
    fn take(&mut self) -> Step {
        std::mem::replace(&mut self.step, Step::Ended)
    }

    /// Ready when nothing is on its way.
    fn settle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.step = match &mut self.step {
            Step::Busy(task) => match ready!(Pin::new(task).poll(cx)) {
                Ok(Ok(to)) => Step::Idle(to),
                Ok(Err(error)) => Step::Failed(error),
                Err(error) => Step::Failed(io::Error::other(error)),
            },
            Step::Ending(task) => match ready!(Pin::new(task).poll(cx)) {
                Ok(Err(error)) => Step::Failed(error),
                Err(error) => Step::Failed(io::Error::other(error)),
                Ok(Ok(())) => Step::Ended,
            },
            _ => return Poll::Ready(()),
        };
        Poll::Ready(())
    }

    /// Bytes that may be written now.
    fn permit(&mut self) -> StreamResult<usize> {
        if self.settle(&mut Context::from_waker(Waker::noop())).is_pending() {
            return Ok(0);
        }
        match &self.step {
            Step::Idle(_) => Ok(WRITE_BYTES_MAX),
            Step::Failed(_) => match self.take() {
                Step::Failed(error) => {
                    self.meter.broken(&error);
                    Err(StreamError::LastOperationFailed(error.into()))
                }
                _ => Err(StreamError::Closed),
            },
            _ => Err(StreamError::Closed),
        }
    }

    fn write(&mut self, mut bytes: Bytes) -> StreamResult<()> {
        let permit = self.permit()?;
        if bytes.len() > permit {
            return Err(StreamError::trap("more bytes than check-write allowed"));
        }
        let Step::Idle(mut to) = self.take() else { return Err(StreamError::Closed) };
        self.meter.count(Direction::Sent, bytes.len());
        match write_now(&mut to, &mut bytes) {
            Poll::Ready(Ok(())) => self.step = Step::Idle(to),
            Poll::Ready(Err(error)) => {
                self.meter.broken(&error);
                return Err(StreamError::LastOperationFailed(error.into()));
            }
            Poll::Pending => {
                self.step = Step::Busy(spawn(async move {
                    to.write_all(&bytes).await?;
                    to.flush().await?;
                    Ok(to)
                }));
            }
        }
        Ok(())
    }
}

fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> AbortOnDropHandle<T> {
    AbortOnDropHandle::new(tokio::spawn(work))
}

/// Writes and flushes as much as goes without waiting: a protected connection holds bytes back
/// until it is flushed.
fn write_now(to: &mut Writing, bytes: &mut Bytes) -> Poll<io::Result<()>> {
    let mut nobody = Context::from_waker(Waker::noop());
    while !bytes.is_empty() {
        match ready!(Pin::new(&mut *to).poll_write(&mut nobody, bytes)) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => bytes.advance(count),
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    Pin::new(to).poll_flush(&mut nobody)
}

impl Drop for WriteState {
    fn drop(&mut self) {
        // Mostly there is nothing left to wait for, and the socket is free at once.
        let mut nobody = Context::from_waker(Waker::noop());
        if let Step::Idle(to) = &mut self.step
            && Pin::new(to).poll_shutdown(&mut nobody).is_ready()
        {
            return;
        }
        let step = self.take();
        // What a guest wrote before it closed still leaves, for a while.
        let Ok(runtime) = Handle::try_current() else { return };
        let last_words = async move {
            match step {
                Step::Idle(mut to) => to.shutdown().await,
                Step::Busy(task) => task.await.map_err(io::Error::other)??.shutdown().await,
                Step::Ending(task) => task.await.map_err(io::Error::other)?,
                Step::Ended | Step::Failed(_) => Ok(()),
            }
        };
        // The guest is gone: nobody is left to hear of an error.
        runtime.spawn(async { drop(timeout(LINGER, last_words).await) });
    }
}

#[async_trait]
impl OutputStream for Outgoing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        // Every write is flushed; `check-write` tells when it is through.
        match &self.lock().step {
            Step::Ended => Err(StreamError::Closed),
            _ => Ok(()),
        }
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.lock().permit()
    }
}

#[async_trait]
impl Pollable for Outgoing {
    async fn ready(&mut self) {
        std::future::poll_fn(|cx| self.lock().settle(cx)).await;
    }
}
