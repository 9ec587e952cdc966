//! A guest's stdout and stderr, line by line into its log.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use super::log::{GuestLog, Level};
use crate::plugin::limits::LOG_LINE_BYTES_MAX;

/// What a guest may write at once, in bytes.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// One of the two streams. Clones write to the same lines.
#[derive(Clone)]
pub(in crate::plugin) struct Lines {
    log: GuestLog,
    level: Level,
    unfinished: Arc<Mutex<Vec<u8>>>,
}

impl Lines {
    pub(in crate::plugin) fn stdout(log: GuestLog) -> Self {
        Self { log, level: Level::Info, unfinished: Arc::default() }
    }

    pub(in crate::plugin) fn stderr(log: GuestLog) -> Self {
        Self { log, level: Level::Warn, unfinished: Arc::default() }
    }

    fn take(&self, bytes: &[u8]) {
        let mut line = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts = bytes.split(|byte| *byte == b'\n');
        let Some(first) = parts.next() else { return };
        append(&mut line, first);
        for part in parts {
            self.finish(&line);
            line.clear();
            append(&mut line, part);
        }
    }

    fn finish(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        self.log.said(line);
        if self.level == Level::Warn {
            self.log.remember_last_words(line);
        }
        self.log.line(self.level, line, &[]);
    }
}

/// Keeps a byte more than is printed, so that the cut shows (I7).
fn append(line: &mut Vec<u8>, part: &[u8]) {
    let room = (LOG_LINE_BYTES_MAX + 1).saturating_sub(line.len());
    line.extend(part.iter().take(room));
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Lines {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
