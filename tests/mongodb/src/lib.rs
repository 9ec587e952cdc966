//! Private servers that speak MongoDB's protocol, for tests: a fresh data directory, a free port.
//!
//! ```no_run
//! use bson::doc;
//! use cartridge_warp_test_mongodb::{Server, Settings};
//!
//! let server = Server::start(Settings::default());
//! server.insert("shop", "orders", &[doc! {"_id": 1, "total": 9.5}]);
//! let url = server.url("shop");
//! ```
//!
//! The server is a `mongod` where there is one, else SecantusDB (see the README beside). It is always
//! a process of its own, lives as long as its [`Server`] and never longer than the process that
//! started it. Everything here panics when it does not work, as a test should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod login;
mod program;
mod replica_set;
mod server;
mod stand_in;
mod tls;
mod wire;

pub use bson;
pub use client::{Client, Refusal};
pub use replica_set::ReplicaSet;
pub use server::{Server, Settings};
pub use stand_in::{Reaction, Script, StandIn};
pub use tls::{Identity, Tls};
