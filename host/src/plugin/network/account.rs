//! As whom the host logs in for a connector.

use std::fmt;

/// A way to log in that connectors may declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginProtocol {
    /// A start-up message of version 3, which names the user; then the server asks.
    Startup3,
}

impl LoginProtocol {
    pub(super) fn from_word(word: &str) -> Option<Self> {
        (word == "startup-3").then_some(Self::Startup3)
    }
}

/// As whom the host logs in.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub protocol: LoginProtocol,
    pub user: String,
    password: String,
}

impl Login {
    pub fn new(protocol: LoginProtocol, user: &str, password: &str) -> Self {
        Self { protocol, user: user.to_owned(), password: password.to_owned() }
    }

    /// For the list of secrets that no text may hold, and for servers.
    pub(in crate::plugin) fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({}, ***)", self.user)
    }
}
