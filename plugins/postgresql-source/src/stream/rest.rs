//! Which positions are told the host that bring nothing.
//!
//! Where source and destination are one server, storing a position adds to the log, which moves the
//! position. So one that brings nothing is told only when so much log lies before it that keeping it is
//! worth less than a commit, or when the server asks how far everything is safe. Until then the last
//! one is told again: both mean the same rows.

use std::time::Duration;

use crate::pgoutput::Lsn;
use crate::position::{KEPT_BYTES, Position};

/// The last position that the host was told.
pub struct Told(Position);

impl Told {
    /// At the position that the host has.
    pub fn new(position: Position) -> Self {
        Self(position)
    }

    /// Whether this is the position that the host has.
    pub fn is(&self, position: &Position) -> bool {
        self.0 == *position
    }

    /// The position to tell. `brings` says that rows or other news come with it. A host that does not
    /// wait may ask no more, so it is told what there is.
    pub fn tell(
        &mut self,
        now: &Position,
        brings: bool,
        is_asked: bool,
        wait: Duration,
    ) -> &Position {
        let is_worth = brings || is_asked || wait.is_zero() || !is_idle(&self.0, now);
        if is_worth {
            self.0 = now.clone();
        }
        &self.0
    }
}

/// Whether nothing but the log's end is another one, and not by much.
fn is_idle(told: &Position, now: &Position) -> bool {
    let moved: Lsn = now.complete.saturating_sub(told.complete);
    moved < KEPT_BYTES && Position { complete: now.complete, ..told.clone() } == *now
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Partial;

    #[test]
    fn a_position_is_told_when_it_is_worth_it() {
        let second = Duration::from_secs(1);
        let at = |complete| Position { complete, ..Position::default() };
        let partial = Position { partial: Some(Partial { commit: 9, steps: 1 }), ..at(10) };
        for (name, now, brings, is_asked, wait, told) in [
            ("nothing moved", at(10), false, false, second, 10),
            ("a little log", at(10 + KEPT_BYTES - 1), false, false, second, 10),
            ("much log", at(10 + KEPT_BYTES), false, false, second, 10 + KEPT_BYTES),
            ("rows", at(11), true, false, second, 11),
            ("the server asks", at(11), false, true, second, 11),
            ("the host does not wait", at(11), false, false, Duration::ZERO, 11),
        ] {
            let mut before = Told::new(at(10));
            assert_eq!(before.tell(&now, brings, is_asked, wait).complete, told, "{name}");
        }
        let mut before = Told::new(at(10));
        assert_eq!(*before.tell(&partial, false, false, second), partial);
        assert!(before.is(&partial) && !before.is(&at(10)));
    }
}
