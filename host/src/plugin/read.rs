//! Rows that are read back from destinations that export `destination-read`.
//!
//! Whether one does is read from its component. One that exports it all the same and reads nothing back answers with
//! the code `no-read`. Either way the answer here is none.

use super::{
    Cause, DestinationConnection, LookedUp, PluginError, ReadBatch, ReadLimits, Resource, convert,
    destination::Guest,
    fault::answer,
    session::{Instance, Work},
};
use crate::model::{TableBatch, TablePlan};

/// The code of the answer of a connector that reads nothing back.
const NO_READ: &str = "no-read";

impl DestinationConnection {
    /// The next rows of a table as this plan describes it, from its beginning without a cursor.
    pub async fn read(
        &self,
        schema: &str,
        plan: &TablePlan,
        cursor: Option<Vec<u8>>,
        limits: ReadLimits,
    ) -> Result<Option<ReadBatch>, PluginError> {
        const CALL: &str = "read";
        let (schema, plan) = (schema.to_owned(), plan.clone());
        let shown = convert::read::plan(&plan).map_err(|error| self.unsendable(CALL, &error))?;
        self.of_reading(CALL, move |Instance { store, guest }| {
            Box::pin(async move {
                let Some(api) = &guest.exports.read else { return Ok(None) };
                let (connection, cursor) = (guest.connection, cursor.as_deref());
                let asked = convert::source::limits(limits);
                let called =
                    api.call_read(&mut *store, connection, &schema, &shown, cursor, asked).await;
                let rows_max = limits.rows_max.max(1);
                let batch = answer(store, called)?;
                convert::read::batch(batch, &plan, &mut guest.kept, rows_max).map(Some)
            })
        })
        .await
    }

    /// The rows that have these keys, as they are committed now. The answer may be one about the first of the keys
    /// only. Keys are at most as many as rows are asked for.
    pub async fn lookup(
        &self,
        schema: &str,
        plan: &TablePlan,
        keys: &TableBatch,
        limits: ReadLimits,
    ) -> Result<Option<LookedUp>, PluginError> {
        const CALL: &str = "lookup";
        let (schema, plan, keys) = (schema.to_owned(), plan.clone(), keys.clone());
        let shown = convert::read::plan(&plan).map_err(|error| self.unsendable(CALL, &error))?;
        self.of_reading(CALL, move |Instance { store, guest }| {
            Box::pin(async move {
                let Some(api) = &guest.exports.read else { return Ok(None) };
                // The copy that the guest is shown.
                let bytes = keys.byte_count() as u64;
                let held = store.data().account.charge(Resource::Memory, bytes);
                let _held = held.map_err(Cause::Exhausted)?;
                let (asked, connection) = (convert::lookup::keys(&keys), guest.connection);
                let limits = convert::source::limits(limits);
                let called =
                    api.call_lookup(&mut *store, connection, &schema, &shown, &asked, limits).await;
                let found = answer(store, called)?;
                convert::read::found(found, &plan, &keys, &mut guest.kept).map(Some)
            })
        })
        .await
    }

    async fn of_reading<T, W>(&self, call: &'static str, work: W) -> Result<Option<T>, PluginError>
    where
        T: Send + 'static,
        W: for<'a> FnOnce(&'a mut Instance<Guest>) -> Work<'a, Option<T>> + Clone + Send + 'static,
    {
        match self.call(call, work).await {
            Err(PluginError { cause: Cause::Failure(failure), .. }) if failure.code == NO_READ => {
                Ok(None)
            }
            called => called,
        }
    }
}
