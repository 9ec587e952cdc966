//! Whose state a destination keeps: no pipeline goes on with what another one stored.

use super::layout::check_layout;
use crate::{
    model::text,
    plugin::DestinationConnection,
    runner::{
        context::SchemaContext,
        error::RunError,
        state::{PIPELINE, read},
    },
};

/// What is shown of a name, which the destination may have made up.
const SHOWN_BYTES_MAX: usize = 200;

/// The pipeline that the schema's state belongs to.
#[derive(Debug, PartialEq, Eq)]
pub enum Owner {
    /// There is no state, or one from before pipelines had names: the first that comes takes it.
    Nobody,
    This,
    /// The one with this name, fit to be shown.
    Another(String),
}

/// Whose the schema's state is. Whatever reads or changes a state asks this first, so one of a newer layout is
/// refused here.
pub async fn owner(
    context: &SchemaContext,
    destination: &DestinationConnection,
) -> Result<Owner, RunError> {
    check_layout(context, destination).await?;
    let name: Option<String> = read(destination, context.name(), PIPELINE).await?;
    Ok(match name {
        None => Owner::Nobody,
        Some(name) if name == context.pipeline => Owner::This,
        Some(name) => Owner::Another(text::one_line(&name, SHOWN_BYTES_MAX)),
    })
}

/// Refuses the state of another pipeline.
pub async fn check_owner(
    context: &SchemaContext,
    destination: &DestinationConnection,
) -> Result<(), RunError> {
    let Owner::Another(owner) = owner(context, destination).await? else { return Ok(()) };
    let (schema, pipeline) = (context.name().to_owned(), context.pipeline.clone());
    Err(RunError::OtherPipeline { schema, owner, pipeline })
}
