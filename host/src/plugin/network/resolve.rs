//! From names to addresses.

use std::{fmt, future::Future, io, net::IpAddr, pin::Pin};

/// The answer of a look-up.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Looks names up. The host uses the system's way; tests answer as they like.
pub trait Resolver: Send + Sync {
    /// The addresses of a name, the preferred ones first. Called anew for each connection.
    fn lookup<'a>(&'a self, name: &'a str) -> Lookup<'a>;
}

/// The system's resolver: `/etc/hosts`, DNS, whatever else it is set up for.
#[derive(Debug, Default)]
pub(in crate::plugin) struct System;

impl Resolver for System {
    fn lookup<'a>(&'a self, name: &'a str) -> Lookup<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

impl fmt::Debug for dyn Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
