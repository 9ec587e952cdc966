//! Streams of files: wasmtime-wasi's own, which keep their file charged and their growth counted.

use std::{fs::File, io, sync::Arc};

use bytes::Bytes;
use wasmtime_wasi::{
    async_trait,
    p2::{
        DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError,
        StreamResult,
    },
};

use super::counted::{Written, growth, length};
use crate::plugin::{ledger::Charge, limits::READ_BYTES_MAX};

/// A stream whose file counts as open for as long as the stream is.
pub(super) struct Input {
    stream: DynInputStream,
    _charge: Option<Arc<Charge>>,
}

impl Input {
    pub(super) fn new(stream: DynInputStream, charge: Option<Arc<Charge>>) -> Self {
        Self { stream, _charge: charge }
    }
}

#[async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.stream.read(size.min(READ_BYTES_MAX))
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.stream.blocking_read(size.min(READ_BYTES_MAX)).await
    }

    fn skip(&mut self, count: usize) -> StreamResult<usize> {
        self.stream.skip(count)
    }

    async fn blocking_skip(&mut self, count: usize) -> StreamResult<usize> {
        self.stream.blocking_skip(count).await
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}

/// The same for writing.
pub(super) struct Output {
    stream: DynOutputStream,
    _charge: Option<Arc<Charge>>,
    growing: Option<Growing>,
}

/// A file whose growth is limited.
pub(super) struct Growing {
    pub written: Written,
    pub file: Arc<File>,
    /// Where the next byte goes; none at the end of the file.
    pub at: Option<u64>,
}

impl Output {
    pub(super) fn new(
        stream: DynOutputStream,
        charge: Option<Arc<Charge>>,
        growing: Option<Growing>,
    ) -> Self {
        Self { stream, _charge: charge, growing }
    }
}

#[async_trait]
impl OutputStream for Output {
    /// What is written later can't be measured, so all of it counts.
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if let Some(growing) = &mut self.growing {
            let count = bytes.len() as u64;
            growing.written.add(count).map_err(|reached| StreamError::Trap(reached.into()))?;
            growing.at = growing.at.map(|at| at.saturating_add(count));
        }
        self.stream.write(bytes)
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        let Some(growing) = &mut self.growing else {
            return self.stream.blocking_write_and_flush(bytes).await;
        };
        let failed = |error: io::Error| StreamError::LastOperationFailed(error.into());
        let turn = growing.written.turn().await;
        let before = length(&growing.file).map_err(failed)?;
        let at = growing.at.unwrap_or(before);
        let more = growth(&growing.file, at, bytes.len()).map_err(failed)?;
        turn.check(more).map_err(|reached| StreamError::Trap(reached.into()))?;
        growing.at = growing.at.map(|at| at.saturating_add(bytes.len() as u64));
        let wrote = self.stream.blocking_write_and_flush(bytes).await;
        turn.settle(before, length(&growing.file).map_err(failed)?);
        wrote
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.stream.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.stream.check_write()
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}
