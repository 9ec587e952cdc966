//! Which staging tables a session has.

use std::collections::HashMap;

/// The staging tables of a session, by their columns.
#[derive(Default)]
pub(crate) struct Stages {
    pub(crate) known: HashMap<String, Stage>,
    pub(crate) made: u64,
}

/// One of them.
pub(crate) struct Stage {
    pub(crate) name: String,
    /// Rows were put into it in this transaction.
    pub(crate) used: bool,
}
