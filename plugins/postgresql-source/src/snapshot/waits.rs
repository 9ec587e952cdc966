//! Waiting for transactions that were there first, over as many of the host's calls as it takes.
//!
//! What was found before the wait is kept, so that a call that is made again waits for the same ones: were
//! it for those of now each time, a busy server would never be done.

use std::collections::HashMap;

use cartridge_warp_sdk::{Failure, WAITING};

use crate::catalog::making::Making;
use crate::catalog::server;
use crate::session::Session;

/// Waits under way, by what waits.
#[derive(Default)]
pub struct Waits {
    begun: HashMap<String, Begun>,
    /// The slot that is being made.
    pub making: Option<Making>,
}

struct Begun {
    writers: String,
    /// What the call answers in the end.
    answer: Vec<u8>,
}

impl Waits {
    /// Whether a call of before is waiting.
    pub fn is_begun(&self, what: &str) -> bool {
        self.begun.contains_key(what)
    }

    /// From now on transactions that are writing are waited for.
    pub fn begin(&mut self, session: &Session, what: &str, answer: Vec<u8>) -> Result<(), Failure> {
        let begun = Begun { writers: server::writers(session)?, answer };
        self.begun.insert(what.to_owned(), begun);
        Ok(())
    }

    /// Waits, and gives back the answer.
    pub fn end(&mut self, session: &Session, what: &str) -> Result<Vec<u8>, Failure> {
        let Some(begun) = self.begun.remove(what) else { return Ok(Vec::new()) };
        match server::wait_for_writers(session, &begun.writers, what) {
            Ok(()) => Ok(begun.answer),
            Err(failure) => {
                if failure.code == WAITING {
                    self.begun.insert(what.to_owned(), begun);
                }
                Err(failure)
            }
        }
    }
}
