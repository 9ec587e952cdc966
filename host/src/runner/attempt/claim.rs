//! Makes this process a schema's only writer (I3).

use std::sync::atomic::Ordering;

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
/// a runner that was started since: then the marker names that one.
pub async fn claim(
    context: &SchemaContext,
    destination: &DestinationConnection,
) -> Result<Claim, RunError> {
    let schema = context.name();
    destination.create_schema_if_not_exists(context.destination_schema()).await?;
    let holder = destination.get_marker(schema, RUNNER).await?;
    let other = holder.filter(|run| run != context.run.as_bytes());
    if context.has_claimed() && other.is_some() {
        return Err(RunError::Fenced { schema: schema.to_owned() });
    }
    let epoch = destination.claim_schema(schema, &context.run).await?;
    // Another pipeline may have begun since the last look; from here on nobody else can.
    check_owner(context, destination).await?;
    let runner = Marker { stream: RUNNER.into(), value: Some(context.run.clone().into_bytes()) };
    let pipeline = marker(PIPELINE.into(), &context.pipeline);
    destination.update_marker(schema, vec![runner, pipeline, layout_marker()], epoch).await?;
    context.claimed.store(true, Ordering::Relaxed);
    let abandoned = other.and_then(|run| String::from_utf8(run).ok());
    Ok(Claim { epoch, abandoned })
}

/// The schema is ours.
pub struct Claim {
    pub epoch: u64,
    /// The run that held it and did not give it back.
    pub abandoned: Option<String>,
}
