//! Directories and files that a connector is granted: which they are, and how the host opens them.
//!
//! `wish` reads what a connector asks for, `grant` is what came of it, `protect` keeps the host's own
//! files out of it. `places` opens all of it once per process, before any guest runs, along `walk`,
//! which follows no link that a guest may have made; `hold` keeps other processes away from a file.
//! What a guest does with them is for `files` (I10).

mod grant;
pub(super) mod hold;
mod places;
mod protect;
mod siblings;
mod walk;
mod wish;

pub use grant::{PathGrant, PathKind};
pub(super) use places::Place;
pub use places::{OpenError, Places};
pub use protect::{Protected, ProtectedError, refuse_protected};
pub use siblings::Siblings;
pub(super) use walk::Identity;
pub(super) use wish::PathWish;
