//! The dead letters of a [`Destination`] as the component's `destination-letters` export.
//!
//! Every destination exports it: `wit-bindgen` makes the types of an exported interface anew for each world, so a
//! world without it would need all of [`super::destination`] twice. One that keeps no readable letters says so.

use super::bindings::cartridge::warp::types as wit;
use super::bindings::destination_world::exports::cartridge::warp::destination_letters as exported;
use super::destination::{DestinationConnection, DestinationExport};
use crate::{Destination, KeptLetter, LetterFilter, Settlement};

impl<D: Destination + 'static> exported::Guest for DestinationExport<D> {
    fn list_letters(
        connection: exported::ConnectionBorrow<'_>,
        schema: String,
        filter: exported::LetterFilter,
        after: u64,
        limit: u32,
        bytes_max: u64,
    ) -> Result<exported::LetterPage, wit::Failure> {
        connection.get::<DestinationConnection<D>>().call(|destination, _| {
            let (filter, limit) = (filter_in(filter), limit as usize);
            let page = destination.list_letters(&schema, &filter, after, limit, bytes_max)?;
            let letters = page.letters.into_iter().map(letter_out).collect();
            Ok(exported::LetterPage { letters, more: page.more })
        })
    }

    fn count_open(
        connection: exported::ConnectionBorrow<'_>,
        schema: String,
    ) -> Result<Vec<(String, u64)>, wit::Failure> {
        let connection = connection.get::<DestinationConnection<D>>();
        connection.call(|destination, _| destination.count_open(&schema))
    }

    fn settle(
        connection: exported::ConnectionBorrow<'_>,
        schema: String,
        settlement: exported::Settlement,
    ) -> Result<u64, wit::Failure> {
        let exported::Settlement { ids, status, resolution } = settlement;
        connection.get::<DestinationConnection<D>>().call(|destination, _| {
            destination.settle(&schema, &Settlement { ids, status, resolution })
        })
    }
}

fn filter_in(filter: exported::LetterFilter) -> LetterFilter {
    let exported::LetterFilter { ids, table, code, status, since_us } = filter;
    LetterFilter { ids, table, code, status, since_us }
}

fn letter_out(kept: KeptLetter) -> exported::KeptLetter {
    let KeptLetter { id, letter, count, status, resolution, first_seen_us, last_seen_us } = kept;
    let crate::DeadLetter { table, operation, payload, code, message, origin, key } = letter;
    exported::KeptLetter {
        id,
        table,
        operation,
        payload,
        code,
        message,
        origin,
        key,
        count,
        status,
        resolution,
        first_seen_us,
        last_seen_us,
    }
}
