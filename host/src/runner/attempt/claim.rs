//! Makes this process a schema's only writer (I3).

use super::{layout::layout_marker, owner::check_owner};
use crate::{
    model::Marker,
    plugin::DestinationConnection,
    runner::{
        context::SchemaContext,
        error::RunError,
        state::{PIPELINE, RUNNER, marker},
    },
};

/// Claims the schema.
///
/// A new attempt claims anew, so that a commit of the last one that is still under way in the
/// destination comes either before this claim or not at all. It must not take the schema back from
/// a runner that was started since, nor from one that is waited for: then the marker names that one.
pub async fn claim(
    context: &SchemaContext,
    destination: &DestinationConnection,
) -> Result<Claim, RunError> {
    let schema = context.name();
    destination.create_schema_if_not_exists(context.destination_schema()).await?;
    let abandoned = abandoned_by(context, destination).await?;
    let epoch = destination.claim_schema(schema, &context.run).await?;
    // Another pipeline may have begun since the last look; from here on nobody else can.
    check_owner(context, destination).await?;
    let runner = Marker { stream: RUNNER.into(), value: Some(context.run.clone().into_bytes()) };
    let pipeline = marker(PIPELINE.into(), &context.pipeline);
    destination.update_marker(schema, vec![runner, pipeline, layout_marker()], epoch).await?;
    context.takeover.claimed();
    Ok(Claim { epoch, abandoned })
}

/// The other run that holds the schema and may be taken over. One that may not be is the end of this attempt.
pub async fn abandoned_by(
    context: &SchemaContext,
    destination: &DestinationConnection,
) -> Result<Option<String>, RunError> {
    let other = other_holder(context, destination).await?;
    if other.as_ref().is_some_and(|run| !context.takeover.allows(run)) {
        return Err(RunError::Fenced { schema: context.name().to_owned() });
    }
    Ok(other)
}

/// The other run that holds the schema: the marker's text, which the destination may have made up.
pub async fn other_holder(
    context: &SchemaContext,
    destination: &DestinationConnection,
) -> Result<Option<String>, RunError> {
    let holder = destination.get_marker(context.name(), RUNNER).await?;
    let holder = holder.map(|run| String::from_utf8_lossy(&run).into_owned());
    Ok(holder.filter(|run| *run != context.run))
}

/// The schema is ours.
pub struct Claim {
    pub epoch: u64,
    /// The run that held it and did not give it back.
    pub abandoned: Option<String>,
}
