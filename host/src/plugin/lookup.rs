//! Rows that are looked up by their keys, at sources that export `source-lookup`.
//!
//! Whether one does is read from its component. One that exports it all the same and looks nothing up answers with
//! the code `no-lookup`. Either way the answer here is none.

use super::{
    Cause, LookedUp, PluginError, ReadLimits, Resource, SourceConnection, convert, fault::answer,
    session::Instance,
};
use crate::model::TableBatch;

/// The code of the answer of a connector that looks nothing up.
const NO_LOOKUP: &str = "no-lookup";

impl SourceConnection {
    /// The rows of a selected table that have these keys, as they are now. The answer may be one about the first of
    /// the keys only. Keys are at most as many as rows are asked for.
    pub async fn lookup(
        &self,
        schema: &str,
        keys: &TableBatch,
        limits: ReadLimits,
    ) -> Result<Option<LookedUp>, PluginError> {
        let (schema, keys) = (schema.to_owned(), keys.clone());
        let called = self.session.call("lookup", limits.wait, move |Instance { store, guest }| {
            Box::pin(async move {
                let Some(api) = &guest.exports.lookup else { return Ok(None) };
                // The copy that the guest is shown.
                let bytes = keys.byte_count() as u64;
                let held = store.data().account.charge(Resource::Memory, bytes);
                let _held = held.map_err(Cause::Exhausted)?;
                let (asked, connection) = (convert::lookup::keys(&keys), guest.connection);
                let limits = convert::source::limits(limits);
                let called = api
                    .call_lookup(&mut *store, connection, &schema, &keys.table, &asked, limits)
                    .await;
                convert::lookup::looked_up(answer(store, called)?, &keys, &mut guest.kept).map(Some)
            })
        });
        match called.await {
            Err(PluginError { cause: Cause::Failure(failure), .. })
                if failure.code == NO_LOOKUP =>
            {
                Ok(None)
            }
            called => called,
        }
    }
}
