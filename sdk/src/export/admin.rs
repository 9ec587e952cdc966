//! What a [`Source`]'s system keeps as the component's `source-admin` export, which every source has: `wit-bindgen`
//! makes the types of an exported interface anew for each world.

use super::bindings::cartridge::warp::types as wit;
use super::bindings::exports::cartridge::warp::source_admin as exported;
use super::source::{SourceConnection, SourceExport};
use crate::{Released, RetainedLog, Source};

impl<S: Source + 'static> exported::Guest for SourceExport<S> {
    fn backlog(
        connection: exported::ConnectionBorrow<'_>,
        schema: String,
        position: Option<wit::Position>,
    ) -> Result<Option<exported::RetainedLog>, wit::Failure> {
        connection.get::<SourceConnection<S>>().call(|source, _| {
            let backlog = source.backlog(&schema, position.as_deref())?;
            Ok(backlog.map(|backlog| {
                let RetainedLog { bytes, oldest_commit_us, left_bytes, left_us, words } = backlog;
                exported::RetainedLog { bytes, oldest_commit_us, left_bytes, left_us, words }
            }))
        })
    }

    fn release(
        connection: exported::ConnectionBorrow<'_>,
        schema: String,
        dry: bool,
    ) -> Result<exported::Released, wit::Failure> {
        connection.get::<SourceConnection<S>>().call(|source, _| {
            let Released { dropped, kept, frees_log } = source.release(&schema, dry)?;
            Ok(exported::Released { dropped, kept, frees_log })
        })
    }
}
