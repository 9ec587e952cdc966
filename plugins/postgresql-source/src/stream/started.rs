//! A stream that is open, and what it is read by.

use super::batch::Batch;
use super::collect::Collector;
use super::live::Live;
use super::peek::Peek;
use super::progress::Progress;
use super::rest::Told;
use super::watch::Watch;
use super::way::Way;
use crate::position::Position;

/// A stream that is open at a position.
pub(super) struct Started {
    pub way: Way,
    /// None: nothing is being read.
    pub reader: Option<Reader>,
    pub collector: Collector,
    /// What was collected and is not delivered yet, since its look-ups would be too large for one batch.
    pub held: Option<Batch>,
    pub told: Told,
    pub progress: Progress,
    pub watch: Watch,
    pub slot: String,
    pub publication: String,
}

/// What brings the messages.
pub(super) enum Reader {
    Sql(Peek),
    Streaming(Live),
}

impl Started {
    /// Behind the last change that was delivered.
    pub fn position(&self) -> &Position {
        let held = self.held.as_ref().and_then(Batch::begins);
        held.unwrap_or(&self.collector.position)
    }

    /// Whether the server has asked how far everything is safe, as it does before it goes.
    pub fn is_asked(&mut self) -> bool {
        match &mut self.reader {
            Some(Reader::Streaming(live)) => live.was_asked(),
            _ => false,
        }
    }
}
