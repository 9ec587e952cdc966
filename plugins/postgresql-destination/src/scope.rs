//! Where a change of tables happens: in an open transaction, for one schema.

use crate::names::Names;
use crate::refusal::Refusal;
use crate::session::Session;

/// A session, the names of the metadata, and the schema that is worked on.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) session: &'a Session,
    pub(crate) names: &'a Names,
    pub(crate) schema: &'a str,
}

impl Scope<'_> {
    /// Runs statements.
    pub(crate) fn run(&self, sql: &str) -> Result<(), Refusal> {
        self.session.run(sql)
    }
}
