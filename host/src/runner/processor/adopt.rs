//! Hands the state of a schema over to another pipeline, because a person says so.

use crate::runner::{
    attempt::{Owner, layout_marker, owner},
    context::SchemaContext,
    error::RunError,
    state::{CHANGES, PIPELINE, RUNNER, deletion, marker},
};

/// What became of the state of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// There is none.
    Nothing,
    /// It was this pipeline's already.
    Own,
    /// It was that one's; none where it had no name.
    From(Option<String>),
}

/// Makes the schema's state this pipeline's. A runner that holds it is fenced and ends.
pub async fn adopt(context: &SchemaContext) -> Result<Adopted, RunError> {
    let destination = context.open_destination().await?;
    let schema = context.name();
    let from = match owner(context, &destination).await? {
        Owner::This => return Ok(Adopted::Own),
        Owner::Nobody if destination.get_marker(schema, CHANGES).await?.is_none() => {
            return Ok(Adopted::Nothing);
        }
        Owner::Nobody => None,
        Owner::Another(name) => Some(name),
    };
    let epoch = destination.claim_schema(schema, &context.run).await?;
    let pipeline = marker(PIPELINE.into(), &context.pipeline);
    let markers = vec![pipeline, deletion(RUNNER.into()), layout_marker()];
    destination.update_marker(schema, markers, epoch).await?;
    destination.close().await;
    Ok(Adopted::From(from))
}
