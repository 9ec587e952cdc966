//! The connections that a check opened, and may have left open where it failed.

use std::sync::{Mutex, PoisonError};

use crate::plugin::{DestinationConnection, SourceConnection};

/// One of them.
pub enum Opened {
    Source(SourceConnection),
    Destination(DestinationConnection),
}

/// All of them.
#[derive(Default)]
pub struct Connections {
    opened: Mutex<Vec<Opened>>,
}

impl Connections {
    pub fn remember(&self, opened: Opened) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(opened);
    }

    /// Closes them, and waits until they are gone.
    pub async fn close(&mut self) {
        let opened = self.opened.get_mut().unwrap_or_else(PoisonError::into_inner);
        for opened in std::mem::take(opened) {
            match opened {
                Opened::Source(connection) => connection.close().await,
                Opened::Destination(connection) => connection.close().await,
            }
        }
    }
}
