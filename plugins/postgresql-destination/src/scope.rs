//! Where a change of tables happens: in an open transaction, for one schema.

use crate::names::Names;
use crate::session::Session;

/// A session, the names of the metadata, and the schema that is worked on.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) session: &'a Session,
    pub(crate) names: &'a Names,
    pub(crate) schema: &'a str,
}
