//! The sweeps of a [`Destination`] as the component's `destination-sweep` export, which every destination has, as it
//! has [`super::letters`].

use super::bindings::cartridge::warp::types as wit;
use super::bindings::destination_world::exports::cartridge::warp::destination_sweep as exported;
use super::destination::{DestinationConnection, DestinationExport, markers_in};
use crate::{Destination, SweepRequest, Swept};

impl<D: Destination + 'static> exported::Guest for DestinationExport<D> {
    fn begin_sweep(
        connection: exported::ConnectionBorrow<'_>,
        request: exported::SweepRequest,
    ) -> Result<Option<String>, wit::Failure> {
        let connection = connection.get::<DestinationConnection<D>>();
        connection.call(|destination, _| destination.begin_sweep(&request_in(request)))
    }

    fn sweep(
        connection: exported::ConnectionBorrow<'_>,
        request: exported::SweepRequest,
    ) -> Result<exported::Swept, wit::Failure> {
        let connection = connection.get::<DestinationConnection<D>>();
        connection.call(|destination, _| {
            let Swept { rows, done } = destination.sweep(&request_in(request))?;
            Ok(exported::Swept { rows, done })
        })
    }
}

fn request_in(request: exported::SweepRequest) -> SweepRequest {
    let exported::SweepRequest { schema_name: schema, table, keys, markers, epoch } = request;
    SweepRequest { schema, table, keys, markers: markers_in(markers), epoch }
}
