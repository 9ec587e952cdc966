//! The look-ups of a [`Source`] as the component's `source-lookup` export, which every source has, as destinations
//! have [`super::letters`]. One that looks nothing up says so.

use super::bindings::cartridge::warp::types as wit;
use super::bindings::exports::cartridge::warp::source_lookup as exported;
use super::convert;
use super::source::{SourceConnection, SourceExport, encode};
use crate::wire::Decoder;
use crate::{LookedUp, Source};

impl<S: Source + 'static> exported::Guest for SourceExport<S> {
    fn lookup(
        connection: exported::ConnectionBorrow<'_>,
        schema: String,
        table: String,
        keys: wit::TableBatch,
        limits: wit::Limits,
    ) -> Result<exported::LookedUp, wit::Failure> {
        connection.get::<SourceConnection<S>>().call(|source, encoder| {
            let keys = Decoder::default().decode(convert::rows_in(keys))?;
            let found = source.lookup(&schema, &table, &keys, convert::limits(limits))?;
            let LookedUp { answered, rows, rejected, absent } = found;
            let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            Ok(exported::LookedUp {
                answered: number(answered),
                rows: rows.map(|rows| encode(encoder, &rows)).transpose()?,
                rejected: rejected.into_iter().map(convert::dead_letter_out).collect(),
                absent: absent.into_iter().map(number).collect(),
            })
        })
    }
}
