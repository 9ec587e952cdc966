//! The failure for a position whose history the server no longer has.

use cartridge_warp_sdk::Failure;
use mongodb::bson::{Timestamp, doc};
use mongodb::error::Error;

use crate::position::{LogPosition, show};
use crate::server::{Server, failure};

/// Says what is lost and how to go on.
pub fn lost(server: &Server, position: &LogPosition, error: &Error) -> Failure {
    let until = match oldest(server) {
        Some(oldest) => format!("the log of server {} begins at {}", server.name, show(oldest)),
        None => format!("server {} no longer has the log from there", server.name),
    };
    Failure::resync(
        "history-lost",
        format!(
            "the change stream cannot go on from {}: {until}; the changes in between are lost to this \
             pipeline. Run again with --full-resync to copy the tables anew, and make the oplog \
             larger (replSetResizeOplog) if the pipeline was not down for long",
            show(position.time)
        ),
    )
    .detail(failure::words(error))
}

/// The oldest entry of the log. Reading it takes the role `read` on the database `local`, which the
/// user need not have.
pub fn oldest(server: &Server) -> Option<Timestamp> {
    let find = doc! {
        "find": "oplog.rs", "sort": { "$natural": 1 }, "limit": 1, "projection": { "ts": 1 },
        "singleBatch": true,
    };
    let found = server.collect("local", find, 1).ok()?;
    found.first()?.get_timestamp("ts").ok()
}
