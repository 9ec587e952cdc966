//! The moments of a [`Source`] as the component's `source-moment` export, which every source has, as it has
//! [`super::lookup`].

use super::bindings::cartridge::warp::types as wit;
use super::bindings::exports::cartridge::warp::source_moment as exported;
use super::source::{SourceConnection, SourceExport};
use crate::Source;

impl<S: Source + 'static> exported::Guest for SourceExport<S> {
    fn moment(
        connection: exported::ConnectionBorrow<'_>,
        schema: String,
    ) -> Result<Vec<u8>, wit::Failure> {
        connection.get::<SourceConnection<S>>().call(|source, _| source.moment(&schema))
    }

    fn reached(
        connection: exported::ConnectionBorrow<'_>,
        schema: String,
        position: wit::Position,
        moment: Vec<u8>,
    ) -> Result<bool, wit::Failure> {
        connection
            .get::<SourceConnection<S>>()
            .call(|source, _| source.reached(&schema, &position, &moment))
    }
}
