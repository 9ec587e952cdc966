//! The rows of a [`Destination`] as the component's `destination-read` export, which every destination has, as it
//! has [`super::letters`].

use super::bindings::cartridge::warp::types as wit;
use super::bindings::destination_world::exports::cartridge::warp::{
    destination as world, destination_read as exported,
};
use super::convert;
use super::destination::{DestinationConnection, DestinationExport, plan_in};
use super::source::encode;
use crate::wire::Decoder;
use crate::{Destination, LookedUp, ReadBatch};

impl<D: Destination + 'static> exported::Guest for DestinationExport<D> {
    fn read(
        connection: exported::ConnectionBorrow<'_>,
        schema: String,
        table: world::TablePlan,
        cursor: Option<Vec<u8>>,
        limits: wit::Limits,
    ) -> Result<exported::ReadBatch, wit::Failure> {
        connection.get::<DestinationConnection<D>>().read(|destination, encoder| {
            let (plan, limits) = (plan_in(table)?, convert::limits(limits));
            let batch = destination.read(&schema, &plan, cursor.as_deref(), limits)?;
            let ReadBatch { rows, rejected, passed_over, next_cursor } = batch;
            Ok(exported::ReadBatch {
                rows: rows.map(|rows| encode(encoder, &rows)).transpose()?,
                rejected: rejected.into_iter().map(convert::dead_letter_out).collect(),
                passed_over,
                next_cursor,
            })
        })
    }

    fn lookup(
        connection: exported::ConnectionBorrow<'_>,
        schema: String,
        table: world::TablePlan,
        keys: wit::TableBatch,
        limits: wit::Limits,
    ) -> Result<exported::Found, wit::Failure> {
        connection.get::<DestinationConnection<D>>().read(|destination, encoder| {
            let (plan, limits) = (plan_in(table)?, convert::limits(limits));
            let keys = Decoder::default().decode(convert::rows_in(keys))?;
            let found = destination.lookup(&schema, &plan, &keys, limits)?;
            let LookedUp { answered, rows, rejected, absent } = found;
            let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            Ok(exported::Found {
                answered: number(answered),
                rows: rows.map(|rows| encode(encoder, &rows)).transpose()?,
                rejected: rejected.into_iter().map(convert::dead_letter_out).collect(),
                absent: absent.into_iter().map(number).collect(),
            })
        })
    }
}
