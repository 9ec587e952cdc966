//! What the server's catalog says: tables, the publication, the slot, and who the server is.

pub mod access;
pub mod columns;
pub mod entries;
pub mod equality;
pub mod extras;
pub mod keys;
pub mod making;
pub mod membership;
pub mod partitions;
pub mod publication;
pub mod rights;
pub mod server;
pub mod slot;
pub mod tables;
pub mod timeline;
pub mod types;
pub mod waiting;
mod withheld;

pub use keys::DeferrableKey;
pub use tables::{SourceColumn, SourceTable};
pub use withheld::WithheldColumn;
