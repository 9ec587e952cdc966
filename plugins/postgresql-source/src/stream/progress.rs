//! How far the log was read, delivered and confirmed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::Failure;

use crate::catalog::server::LogEnd;
use crate::catalog::slot;
use crate::pgoutput::Lsn;
use crate::session::Session;

/// Moving the slot makes the server read its log again, so it takes at most a fifth of the time.
const ADVANCE_REST: u32 = 4;
/// Messages around a transaction's rows, roughly.
const MESSAGES_PER_ROW: u64 = 3;
/// How often the slot's lag is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(10);

/// Places in the log.
#[derive(Default)]
pub struct Progress {
    /// The flushed log's end before the last read that came to its end.
    read: Lsn,
    /// The same of the read under way.
    reading: Lsn,
    /// A place between two records. Once the log is flushed up to it, a read that finds nothing
    /// more proves that everything before it was delivered. The log's flushed end itself will not
    /// do: it may lie within a commit record, which the slot would then pass.
    candidate: Lsn,
    /// The candidate that the read under way is to prove.
    proving: Lsn,
    /// Delivered and not confirmed: position and rows. The next read has them again.
    unconfirmed: VecDeque<(Lsn, u64)>,
    /// What the host confirmed.
    confirmed: Lsn,
    /// Where the slot stands.
    advanced: Lsn,
    /// No move of the slot before this.
    rest_until: Option<Instant>,
    measured: Option<Instant>,
}

impl Progress {
    /// At a slot's own position.
    pub fn new(slot: Lsn) -> Self {
        Self { confirmed: slot, advanced: slot, ..Self::default() }
    }

    /// Whether a read to the end saw all of this log.
    pub fn has_seen(&mut self, end: LogEnd) -> bool {
        let seen = end.flushed <= self.read;
        if seen {
            self.prove(end);
        }
        seen
    }

    /// A read begins that will see at least this log.
    pub fn read_begins(&mut self, end: LogEnd) {
        self.reading = end.flushed;
        self.prove(end);
    }

    /// A read saw the log to its end; everything before the returned place is delivered.
    pub fn read_ended(&mut self) -> Lsn {
        self.read = self.read.max(self.reading);
        self.proving
    }

    fn prove(&mut self, end: LogEnd) {
        if end.flushed >= self.candidate {
            self.proving = self.candidate;
            self.candidate = end.inserted;
        }
        if end.flushed >= end.inserted {
            self.proving = end.inserted;
        }
    }

    /// Rows were returned to the host.
    pub fn delivered(&mut self, complete: Lsn, rows: u64) {
        match self.unconfirmed.back_mut() {
            Some((lsn, count)) if *lsn == complete => *count += rows,
            _ if rows > 0 => self.unconfirmed.push_back((complete, rows)),
            _ => {}
        }
    }

    /// About how many messages the next read has again.
    pub fn unconfirmed(&self) -> u64 {
        self.unconfirmed.iter().map(|(_, rows)| rows * MESSAGES_PER_ROW).sum()
    }

    /// The host confirmed a position.
    pub fn confirmed(&mut self, complete: Lsn) {
        self.confirmed = self.confirmed.max(complete);
    }

    /// Everything before this may be acknowledged (I1).
    pub fn acknowledgeable(&self) -> Lsn {
        self.confirmed.max(self.advanced)
    }

    /// The server was told so.
    pub fn acknowledged(&mut self) {
        self.moved(self.acknowledgeable());
    }

    /// Where the slot stands in truth, after a stream whose last words the server may have missed.
    pub fn slot_is_at(&mut self, slot: Lsn) {
        self.advanced = slot;
        self.rest_until = None;
    }

    /// Measures from time to time how much log the slot keeps.
    pub fn measure(&mut self, session: &Session, slot: &str) -> Result<(), Failure> {
        let now = Instant::now();
        if self.measured.is_none_or(|measured| now - measured > MEASURE_EVERY) {
            slot::measure(session, slot)?;
            self.measured = Some(now);
        }
        Ok(())
    }

    /// Moves the slot, which nobody reads, to what was confirmed, if it is rested.
    pub fn advance(&mut self, session: &Session, slot: &str) -> Result<(), Failure> {
        let begun = Instant::now();
        let resting = self.rest_until.is_some_and(|until| begun < until);
        if self.confirmed <= self.advanced || resting {
            return Ok(());
        }
        match slot::advance(session, slot, self.confirmed) {
            // Somebody reads it for a moment, maybe this connection's last statement.
            Err(failure) if slot::is_busy(&failure) => return Ok(()),
            other => other?,
        }
        self.moved(self.confirmed);
        self.rest_until = Some(Instant::now() + begun.elapsed() * ADVANCE_REST);
        Ok(())
    }

    fn moved(&mut self, slot: Lsn) {
        self.advanced = slot;
        self.unconfirmed.retain(|(complete, _)| *complete > slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(inserted: Lsn, flushed: Lsn) -> LogEnd {
        LogEnd { inserted, flushed }
    }

    #[test]
    fn a_place_is_proven_only_once_it_was_flushed_before_the_read() {
        let mut progress = Progress::new(0);
        progress.read_begins(end(100, 100));
        assert_eq!(progress.read_ended(), 100);
        // The flushed end lies within a record.
        progress.read_begins(end(200, 150));
        assert_eq!(progress.read_ended(), 100);
        progress.read_begins(end(300, 199));
        assert_eq!(progress.read_ended(), 100);
        progress.read_begins(end(300, 250));
        assert_eq!(progress.read_ended(), 200);
        assert!(progress.has_seen(end(300, 250)));
        assert!(!progress.has_seen(end(300, 300)));
    }

    #[test]
    fn rows_that_come_again_are_counted_until_they_are_confirmed() {
        let mut progress = Progress::new(0);
        progress.delivered(10, 5);
        progress.delivered(10, 5);
        progress.delivered(20, 0);
        progress.delivered(30, 1);
        assert_eq!(progress.unconfirmed(), 11 * MESSAGES_PER_ROW);
    }
}
