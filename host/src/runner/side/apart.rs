//! A schema is not copied onto itself: a copy would overwrite what it reads, and a full re-sync would
//! empty the source.

use super::connection::Endpoint;
use crate::{
    plugin::{DestinationConnection, Role, SourceConnection},
    runner::error::RunError,
};

/// Refuses a destination whose tables are the source's, as far as both can tell.
pub async fn check_apart(
    source: &SourceConnection,
    destination: &DestinationConnection,
    schema: &str,
    destination_schema: &str,
) -> Result<(), RunError> {
    let Some(from) = source.identify(schema).await? else { return Ok(()) };
    if destination.identify(destination_schema).await?.is_none_or(|to| to != from) {
        return Ok(());
    }
    Err(RunError::Unusable {
        what: format!("source and destination of schema `{schema}` are the same tables: {from}"),
        help:
            "name another database or `destination_schema` as the destination: this one would be overwritten while it is \
               read, and emptied by a full re-sync"
                .into(),
    })
}

/// The same of directories, of which the host itself knows which they are; they are open.
pub fn check_directories(source: &Endpoint, destination: &Endpoint) -> Result<(), RunError> {
    if (source.plugin.info.role, destination.plugin.info.role) != (Role::Source, Role::Destination)
    {
        return Ok(());
    }
    let (from, to) = (&source.settings.grants.places, &destination.settings.grants.places);
    let Some(grant) = to.written_over(from) else { return Ok(()) };
    Err(RunError::Unusable {
        what: format!(
            "source and destination are the same directory: {}",
            grant.host_path.display()
        ),
        help: "give the destination a directory of its own: what it writes would be read as tables"
            .into(),
    })
}
