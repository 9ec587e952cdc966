//! Tables that the configuration names and that have another name at their source by now.

use super::stored::stored_shape;
use crate::{
    model::TableShape, plugin::DestinationConnection, runner::error::RunError, schema::identity,
};

/// What the source calls a table by now that the destination knows by this name; none where the name is
/// the same, and where nothing tells.
pub async fn name_of_now(
    destination: &DestinationConnection,
    schema: &str,
    name: &str,
    listed: &[TableShape],
) -> Result<Option<String>, RunError> {
    let Some(known) = stored_shape(destination, schema, name).await? else { return Ok(None) };
    let is_it = |shape: &&TableShape| {
        shape.name != name && identity::is_same_table(&known.shape.schema, &shape.schema)
    };
    Ok(listed.iter().find(is_it).map(|shape| shape.name.clone()))
}
