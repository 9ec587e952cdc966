//! What the system of a source keeps for a pipeline, of sources that export `source-admin`.

use super::{
    PluginError, Released, RetainedLog, SourceConnection, convert, fault::answer, session::Instance,
};
use crate::model::Position;

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
