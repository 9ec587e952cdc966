//! How a run that waits (`run --standby`) knows whether the one that holds a schema is alive.
//!
//! It asks, and the other one answers, in a [`room`] of the destination that is no schema of the source: whoever
//! writes there fences no run (I3). A run that is never asked writes nothing, and one that holds a thousand schemas
//! answers once for all of them. What is judged is whether answers come, by the clock of the one that waits
//! ([`silence`]), so machines need not agree about the time. A wrong judgement costs a pause and no row: the claim
//! that follows fences the other one.
//!
//! Who has a destination that is a locked file needs no answers: nobody else has it open.

mod answers;
mod room;
mod silence;
mod takeover;
mod waiting;

use crate::{plugin::PathKind, runner::side::Endpoint};

pub use answers::{Held, Holding};
pub use room::Room;
pub use takeover::Takeover;
pub use waiting::{Sight, Waiting};

/// How often a run looks for questions, and one that waits for answers: less often where it waits for many schemas.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// Whether the destination is a file that one process at a time has open.
fn is_locked_file(destination: &Endpoint) -> bool {
    let mut paths = destination.settings.grants.paths.iter();
    paths.any(|path| path.writable && matches!(path.kind, PathKind::File(_)))
}
