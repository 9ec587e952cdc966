//! The turns of a [`Source`] as the component's `source-turns` export, which every source has, as it has
//! [`super::lookup`].

use super::bindings::cartridge::warp::types as wit;
use super::bindings::exports::cartridge::warp::source_turns as exported;
use super::source::{SourceConnection, SourceExport};
use crate::Source;

impl<S: Source + 'static> exported::Guest for SourceExport<S> {
    fn begin_turn(
        connection: exported::ConnectionBorrow<'_>,
        schema: String,
        copying: bool,
    ) -> Result<(), wit::Failure> {
        connection
            .get::<SourceConnection<S>>()
            .call(|source, _| source.begin_turn(&schema, copying))
    }
}
