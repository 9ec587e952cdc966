//! What the server's catalog says: tables, the publication, the slot, and who the server is.

pub mod columns;
pub mod keys;
pub mod membership;
pub mod publication;
pub mod server;
pub mod slot;
pub mod tables;
pub mod types;

pub use tables::{SourceColumn, SourceTable};
