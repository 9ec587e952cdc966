//! The kinds of value a configuration holds beyond numbers and text.
//!
//! Each kind is checked when it is read: a value of one of these types is usable as it stands, so
//! no later module parses text again. What a value *means* is not decided here.

mod bytes;
mod connection;
mod create;
mod hash_key;
mod interval;
mod letter_limit;
mod names;
mod patterns;
mod resync;
mod schedule;
mod table_name;

pub use bytes::ByteCount;
pub use connection::ConnectionString;
pub use create::Create;
pub use hash_key::HashKey;
pub use interval::Interval;
pub use letter_limit::DeadLetterLimit;
pub use names::Names;
pub(in crate::config) use names::names_or_map;
pub use patterns::Patterns;
pub use resync::Resync;
pub use schedule::Schedule;
pub use table_name::TableName;
