//! Bounds of what is read and not yet committed (I7).

use std::time::Duration;

/// A commit closes at this size.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a position or cursor without rows may wait: a heartbeat is worth a commit, but no hurry.
pub const HEARTBEAT_AGE_MAX: Duration = Duration::from_secs(1);
