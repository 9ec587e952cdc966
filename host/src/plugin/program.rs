//! A component that is linked and can be instantiated.

use super::{
    Role,
    bindings::{destination::DestinationConnectorPre, source::SourceConnectorPre},
    state::State,
};

/// Compiled and linked, for one of the two worlds.
pub(super) enum Program {
    Source(SourceConnectorPre<State>),
    Destination(DestinationConnectorPre<State>),
}

impl Program {
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Source(_) => Role::Source,
            Self::Destination(_) => Role::Destination,
        }
    }
}
