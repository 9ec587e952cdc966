//! HTTP for who watches and orders: an accept loop in which no client costs more than a place for a while.
//!
//! One request a connection, and a deadline for each part of it (I7). What is answered is for those who make
//! the routes; nothing here knows of it.

mod heads;
mod server;

pub use server::{Limits, Listener, LongLived, Server};
