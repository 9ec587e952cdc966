//! What the PostgreSQL connectors have in common.
//!
//! [`Settings`] reads a connection string, [`Connection`] opens it and owns the runtime that drives
//! it, [`failure`] turns the server's answers into instructions for the host, [`names`] quotes, and
//! [`types`] says which type of the model is which type of the server, [`time`] reads its days and times, [`print`]
//! writes them.
//! [`identify`] says which tables a connection leads to. [`replication`] streams the server's log.
//! [`large`] finds rows that are too large to be held, [`LongStatement`] is one that outlives calls.
//!
//! TLS is not here: the host ends it outside of the sandbox, so the component always speaks plainly
//! to the host's virtual network.

mod connection;
pub mod failure;
mod identity;
pub mod large;
mod long;
pub mod names;
pub mod print;
pub mod replication;
mod settings;
pub mod time;
pub mod types;

pub use connection::Connection;
pub use failure::{CONFLICT, LOCKED, NO_SUCH_VALUE, NO_TEMPORARY_SPACE, UNTRANSLATABLE};
pub use identity::identify;
pub use long::LongStatement;
pub use settings::{HOST_GRANT, Settings};

pub use tokio;
pub use tokio_postgres;
