//! Turns of copying and following, at sources that export `source-turns`.

use super::{Cause, PluginError, SourceConnection, fault::answer, session::Instance};

/// The code of the answer of a connector that takes no turns.
const NO_TURNS: &str = "no-turns";

impl SourceConnection {
    /// Begins a turn, in which tables are `copying` or all were copied; false where the source takes none.
    pub async fn begin_turn(&self, schema: &str, copying: bool) -> Result<bool, PluginError> {
        let schema = schema.to_owned();
        let called = self.call("begin-turn", move |Instance { store, guest }| {
            Box::pin(async move {
                let Some(api) = &guest.exports.turns else { return Ok(false) };
                let connection = guest.connection;
                let called = api.call_begin_turn(&mut *store, connection, &schema, copying).await;
                answer(store, called).map(|()| true)
            })
        });
        match called.await {
            Err(PluginError { cause: Cause::Failure(failure), .. }) if failure.code == NO_TURNS => {
                Ok(false)
            }
            called => called,
        }
    }
}
