//! From names to addresses.

use std::{fmt, future::Future, io, net::IpAddr, pin::Pin};

/// The answers to a question.
pub type Answers<'a, T> = Pin<Box<dyn Future<Output = io::Result<Vec<T>>> + Send + 'a>>;

/// Where a service of a name is: an SRV record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Lower ones are to be tried first.
    pub priority: u16,
    /// Among equal priorities the larger share.
    pub weight: u16,
    pub host: String,
    pub port: u16,
}

/// Looks names up. The host uses the system's way; tests answer as they like. Called anew for each
/// connection.
pub trait Resolver: Send + Sync {
    /// The addresses of a name, the preferred ones first. It may block for as long as it likes: it
    /// runs on a thread of its own, for one name at a time.
    ///
    /// # Errors
    /// Where the name can't be looked up.
    fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
    /// The SRV records of a name in any order; none where there are none.
    fn services<'a>(&'a self, name: &'a str) -> Answers<'a, Service>;
    /// The TXT records of a name; none where there are none.
    fn texts<'a>(&'a self, name: &'a str) -> Answers<'a, String>;
}

impl fmt::Debug for dyn Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
