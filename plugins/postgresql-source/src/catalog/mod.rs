//! What the server's catalog says: tables, the publication, the slot, and who the server is.

pub mod columns;
pub mod publication;
pub mod server;
pub mod slot;
pub mod tables;

pub use tables::{SourceColumn, SourceTable};
