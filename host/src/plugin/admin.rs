//! What the system of a source keeps for a pipeline, of sources that export `source-admin`.

use super::{PluginError, SourceConnection, convert, fault::answer, session::Instance};
use crate::model::Position;

/// The log that a pipeline still needs, or that is kept for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetainedLog {
    /// Bytes of log that are kept because of the pipeline.
    pub bytes: Option<u64>,
    /// About when the oldest of it was committed, in microseconds since 1970 UTC.
    pub oldest_commit_us: Option<i64>,
    /// Bytes of log that may be written before the position is given up.
    pub left_bytes: Option<u64>,
    /// The same as a time in microseconds.
    pub left_us: Option<u64>,
    /// A sentence for a person.
    pub words: String,
}

/// What was removed, each in a few words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// What is removed, or would be.
    pub dropped: Vec<String>,
    /// What the pipeline uses and is not its own, with the reason.
    pub kept: Vec<String>,
    /// Whether no log is kept for the pipeline from then on.
    pub frees_log: bool,
}

impl SourceConnection {
    /// What is kept; none where nothing is, or the connector cannot say.
    pub async fn backlog(
        &self,
        schema: &str,
        position: Option<&Position>,
    ) -> Result<Option<RetainedLog>, PluginError> {
        let (schema, position) = (schema.to_owned(), position.map(|position| position.0.clone()));
        self.call("backlog", move |Instance { store, guest }| {
            Box::pin(async move {
                let Some(api) = &guest.exports.admin else { return Ok(None) };
                let (connection, position) = (guest.connection, position.as_ref());
                let called = api.call_backlog(&mut *store, connection, &schema, position).await;
                Ok(answer(store, called)?.map(convert::admin::backlog))
            })
        })
        .await
    }

    /// Removes what the connector made for the pipeline, or says what would be removed. One that cannot has
    /// nothing.
    pub async fn release(&self, schema: &str, dry: bool) -> Result<Released, PluginError> {
        let schema = schema.to_owned();
        self.call("release", move |Instance { store, guest }| {
            Box::pin(async move {
                let Some(api) = &guest.exports.admin else { return Ok(Released::default()) };
                let called = api.call_release(&mut *store, guest.connection, &schema, dry).await;
                convert::admin::released(answer(store, called)?)
            })
        })
        .await
    }
}
