//! Moments in the history of sources that export `source-moment`.

use super::{
    Cause, PluginError, SourceConnection, convert,
    fault::answer,
    session::{Instance, Work},
    source::Guest,
};
use crate::model::Position;

/// The code of the answer of a connector that knows no moments.
const NO_MOMENTS: &str = "no-moments";

impl SourceConnection {
    /// The present moment, at or before which all is that a look-up has answered; none where the source
    /// knows no moments.
    pub async fn moment(&self, schema: &str) -> Result<Option<Vec<u8>>, PluginError> {
        let schema = schema.to_owned();
        self.of_moments("moment", move |Instance { store, guest }| {
            Box::pin(async move {
                let Some(api) = &guest.exports.moment else { return Ok(None) };
                let called = api.call_moment(&mut *store, guest.connection, &schema).await;
                convert::bounds::moment(answer(store, called)?).map(Some)
            })
        })
        .await
    }

    /// Whether the stream has told every change up to a moment when it stands at a position; none where the
    /// source knows no moments.
    pub async fn reached(
        &self,
        schema: &str,
        position: &Position,
        moment: &[u8],
    ) -> Result<Option<bool>, PluginError> {
        let (schema, position, moment) = (schema.to_owned(), position.0.clone(), moment.to_owned());
        self.of_moments("reached", move |Instance { store, guest }| {
            Box::pin(async move {
                let Some(api) = &guest.exports.moment else { return Ok(None) };
                let connection = guest.connection;
                let called =
                    api.call_reached(&mut *store, connection, &schema, &position, &moment).await;
                answer(store, called).map(Some)
            })
        })
        .await
    }

    async fn of_moments<T, W>(&self, call: &'static str, work: W) -> Result<Option<T>, PluginError>
    where
        T: Send + 'static,
        W: for<'a> FnOnce(&'a mut Instance<Guest>) -> Work<'a, Option<T>> + Clone + Send + 'static,
    {
        match self.call(call, work).await {
            Err(PluginError { cause: Cause::Failure(failure), .. })
                if failure.code == NO_MOMENTS =>
            {
                Ok(None)
            }
            called => called,
        }
    }
}
