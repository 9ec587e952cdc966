//! From the generated types of `wit/` to the model and back.
//!
//! Everything a guest says passes here or through `wire` before the host uses it: every text is cut
//! or refused, every list is counted (I7, I8). A broken answer is a [`Cause::Malformed`]: nothing of
//! it is used.

pub(super) mod admin;
pub(super) mod bounds;
pub(super) mod destination;
pub(super) mod extras;
pub(super) mod info;
pub(super) mod kept;
pub(super) mod letters;
pub(super) mod lookup;
pub(super) mod read;
pub(super) mod rows;
pub(super) mod source;
