//! What the server's catalog says: tables, the publication, the slot, and who the server is.

pub mod columns;
pub mod equality;
pub mod keys;
pub mod membership;
pub mod publication;
pub mod rights;
pub mod server;
pub mod slot;
pub mod tables;
pub mod types;
mod withheld;

pub use tables::{SourceColumn, SourceTable};
pub use withheld::WithheldColumn;
