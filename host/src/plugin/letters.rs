//! Dead letters of destinations that export `destination-letters`.
//!
//! Whether one does is read from its component. One that exports it all the same and keeps no letters that can
//! be read back answers with the code `no-letters`. Either way the answer here is none.

use wasmtime::Store;

use super::{
    Cause, DestinationConnection, PluginError,
    bindings::in_full::exports::cartridge::warp::destination_letters::Guest as Api,
    convert,
    fault::answer,
    session::{Instance, Work},
    state::State,
};
use crate::model::{LetterFilter, LetterPage, Settlement};

/// The code of the answer of a connector that keeps no letters that can be read back.
const NO_LETTERS: &str = "no-letters";

impl DestinationConnection {
    /// Letters of a schema with an id above `after`, in the order of their ids.
    pub async fn list_letters(
        &self,
        schema: &str,
        filter: &LetterFilter,
        after: u64,
        limit: u32,
        bytes_max: u64,
    ) -> Result<Option<LetterPage>, PluginError> {
        let (schema, filter) = (schema.to_owned(), filter.clone());
        self.ask("list-letters", move |Asked { store, api, connection }| {
            Box::pin(async move {
                let asked = convert::letters::filter(&filter);
                let called = api
                    .call_list_letters(
                        &mut *store,
                        connection,
                        &schema,
                        &asked,
                        after,
                        limit,
                        bytes_max,
                    )
                    .await;
                convert::letters::page(answer(store, called)?, &filter, after, limit)
            })
        })
        .await
    }

    /// How many letters of a schema are open, by table.
    pub async fn count_open(
        &self,
        schema: &str,
    ) -> Result<Option<Vec<(String, u64)>>, PluginError> {
        let schema = schema.to_owned();
        self.ask("count-open", move |Asked { store, api, connection }| {
            Box::pin(async move {
                let called = api.call_count_open(&mut *store, connection, &schema).await;
                convert::letters::open(answer(store, called)?)
            })
        })
        .await
    }

    /// Settles open letters; how many it were.
    pub async fn settle(
        &self,
        schema: &str,
        settlement: &Settlement,
    ) -> Result<Option<u64>, PluginError> {
        let (schema, settlement) = (schema.to_owned(), settlement.clone());
        self.ask("settle", move |Asked { store, api, connection }| {
            Box::pin(async move {
                let asked = convert::letters::settlement(&settlement);
                let called = api.call_settle(&mut *store, connection, &schema, &asked).await;
                convert::letters::settled(answer(store, called)?, &settlement)
            })
        })
        .await
    }

    async fn ask<T, W>(&self, call: &'static str, work: W) -> Result<Option<T>, PluginError>
    where
        T: Send + 'static,
        W: for<'a> FnOnce(Asked<'a>) -> Work<'a, T> + Clone + Send + 'static,
    {
        let answered = self.call(call, move |Instance { store, guest }| {
            Box::pin(async move {
                let Some(api) = &guest.exports.letters else { return Ok(None) };
                let connection = guest.connection;
                work(Asked { store, api, connection }).await.map(Some)
            })
        });
        match answered.await {
            Err(PluginError { cause: Cause::Failure(failure), .. })
                if failure.code == NO_LETTERS =>
            {
                Ok(None)
            }
            answered => answered,
        }
    }
}

/// What one question needs.
struct Asked<'a> {
    store: &'a mut Store<State>,
    api: &'a Api,
    connection: wasmtime::component::ResourceAny,
}
