//! How a source is read: at its pace, ahead of what is committed, within bounds.

mod limits;
pub mod pace;
mod rate;
mod read_ahead;

pub use limits::{BYTES_MAX, HEARTBEAT_AGE_MAX};
pub use pace::{Asked, Heartbeat};
pub use rate::Rate;
pub use read_ahead::{ReadAhead, Waiting, read_ahead};
