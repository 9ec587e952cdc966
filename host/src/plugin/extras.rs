//! What tables have beside columns and key: told by sources that export `source-extras`, made by destinations that
//! export `destination-extras`. Whoever asks has seen the capability.

use super::{
    Cause, DestinationConnection, ExtraRequest, PluginError, SourceConnection, convert,
    fault::answer, session::Instance,
};
use crate::model::{ExtraOutcome, TableExtras};

impl SourceConnection {
    /// What a selected table has, as of now.
    pub async fn extras(&self, schema: &str, table: &str) -> Result<TableExtras, PluginError> {
        let (schema, table) = (schema.to_owned(), table.to_owned());
        self.call("extras", move |Instance { store, guest }| {
            Box::pin(async move {
                let api = guest.exports.extras.as_ref();
                let api = api.ok_or_else(|| missing("source-extras"))?;
                let called = api.call_extras(&mut *store, guest.connection, &schema, &table).await;
                convert::extras::told(answer(store, called)?)
            })
        })
        .await
    }
}

impl DestinationConnection {
    /// Makes one thing that a table is to have, or goes on with it.
    pub async fn make_extra(&self, request: ExtraRequest) -> Result<ExtraOutcome, PluginError> {
        self.call("make-extra", move |Instance { store, guest }| {
            Box::pin(async move {
                let api = guest.exports.extras.as_ref();
                let api = api.ok_or_else(|| missing("destination-extras"))?;
                let request = convert::extras::request_out(request);
                let called = api.call_make_extra(&mut *store, guest.connection, &request).await;
                Ok(convert::extras::outcome(answer(store, called)?))
            })
        })
        .await
    }
}

fn missing(interface: &str) -> Cause {
    Cause::Malformed(format!("it promises `create:…` and does not export `{interface}`"))
}
