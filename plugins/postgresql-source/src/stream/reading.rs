//! What is being read, and the change from one way of reading to the other.
//!
//! It changes only between transactions, so that nothing large is decoded twice, and only after the
//! slot is free: one reader at a time may hold it. A position says exactly how far it came, so what
//! was received and not taken comes again by the other way, and nothing else does.

use std::time::Instant;

use cartridge_warp_sdk::Failure;

use super::started::{Reader, Started};
use super::{by_sql, by_streaming};
use crate::PostgresqlSource;
use crate::catalog::{server, slot};

impl Started {
    /// Whether nothing is under way that would have to be read again after a change of the way.
    pub fn is_between_reads(&self) -> bool {
        match &self.reader {
            Some(Reader::Sql(peek)) => !peek.is_reading() && !self.collector.is_ahead(),
            Some(Reader::Streaming(_)) => !self.collector.is_within_transaction(),
            None => true,
        }
    }

    /// Begins to read the log, unless it is being streamed; false when nothing was added since it
    /// was last read to its end.
    pub fn begin_read(&mut self, source: &PostgresqlSource) -> Result<bool, Failure> {
        if matches!(self.reader, Some(Reader::Streaming(_))) {
            return Ok(true);
        }
        let (end, now) = (server::log_end(&source.control)?, Instant::now());
        let behind = end.flushed.saturating_sub(self.collector.position.complete);
        if self.way.is_streaming(behind, now) {
            match by_streaming::begin(source, self) {
                Ok(()) => return Ok(true),
                Err(failure) => self.way.refused(failure, now)?,
            }
        }
        by_sql::begin(source, self, end)
    }

    /// Ends a stream that cannot keep up.
    pub fn leave_slow_stream(&mut self, source: &PostgresqlSource) -> Result<(), Failure> {
        let now = Instant::now();
        let Some(Reader::Streaming(live)) = &mut self.reader else { return Ok(()) };
        if !self.way.is_look_due(now) {
            return Ok(());
        }
        let end = server::log_end(&source.control)?.flushed;
        if self.way.is_too_slow(self.collector.position.complete, end, now) {
            return self.end_streaming(source);
        }
        // So that log in which nothing is ours counts as come by the next look.
        if live.ask().is_err() { self.end_streaming(source) } else { Ok(()) }
    }

    /// Ends the stream, if there is one. What was received and not taken is read again.
    pub fn end_streaming(&mut self, source: &PostgresqlSource) -> Result<(), Failure> {
        if !matches!(self.reader, Some(Reader::Streaming(_))) {
            return Ok(());
        }
        self.reader = None;
        self.collector.begin_read();
        slot::wait_until_free(&source.control, &source.server, &self.slot)?;
        let end = server::log_end(&source.control)?.inserted;
        let (position, selected) = (&self.collector.position, source.selected());
        let slot =
            slot::check(&source.control, &source.server, &self.slot, position, &selected, end)?;
        self.progress.slot_is_at(slot.confirmed);
        Ok(())
    }
}
