//! A [`Destination`] as the component's `destination` export.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::bindings::cartridge::warp::types as wit;
use super::bindings::destination_world::exports::cartridge::warp::destination as exported;
use super::convert;
use crate::wire::{Decoder, Encoder, decode_schema};
use crate::{
    ChangeOutcome, Deletion, Destination, Failure, Location, Marker, Settlement, Table, TablePlace,
    TablePlan, WriteMode, WriteOutcome, WriteRequest,
};
use exported::{Connection, Guest, GuestConnection};

/// What the macro exports.
pub struct DestinationExport<D>(PhantomData<D>);

/// One connection: the author's value and the schemas that have come over it.
pub struct DestinationConnection<D>(RefCell<State<D>>);

struct State<D> {
    destination: D,
    decoder: Decoder,
    /// For rows that are read back.
    encoder: Encoder,
}

impl<D: Destination + 'static> Guest for DestinationExport<D> {
    type Connection = DestinationConnection<D>;

    fn describe() -> wit::ConnectorInfo {
        convert::info::<D::Options>("destination", D::describe())
    }

    fn connect(config: wit::ConnectConfig) -> Result<Connection, wit::Failure> {
        let destination = convert::config(config).and_then(D::connect).map_err(convert::failure)?;
        let (decoder, encoder) = (Decoder::default(), Encoder::default());
        let state = State { destination, decoder, encoder };
        Ok(Connection::new(DestinationConnection(RefCell::new(state))))
    }
}

impl<D: Destination + 'static> DestinationConnection<D> {
    /// The component model lets no two calls overlap, so the borrow is always free.
    pub(super) fn call<T>(
        &self,
        call: impl FnOnce(&mut D, &mut Decoder) -> Result<T, Failure>,
    ) -> Result<T, wit::Failure> {
        let State { destination, decoder, .. } = &mut *self.0.borrow_mut();
        call(destination, decoder).map_err(convert::failure)
    }

    /// The same of a call that answers with rows.
    pub(super) fn read<T>(
        &self,
        call: impl FnOnce(&mut D, &mut Encoder) -> Result<T, Failure>,
    ) -> Result<T, wit::Failure> {
        let State { destination, encoder, .. } = &mut *self.0.borrow_mut();
        call(destination, encoder).map_err(convert::failure)
    }
}

impl<D: Destination + 'static> GuestConnection for DestinationConnection<D> {
    fn test_connection(&self) -> Result<(), wit::Failure> {
        self.call(|destination, _| destination.test_connection())
    }

    fn identify(&self, schema: String) -> Result<Option<String>, wit::Failure> {
        self.call(|destination, _| destination.identify(&schema))
    }

    fn locate(
        &self,
        schema: String,
        places: Vec<exported::TablePlace>,
    ) -> Result<Vec<exported::Location>, wit::Failure> {
        self.call(|destination, _| {
            let places: Vec<TablePlace> = places.into_iter().map(place_in).collect();
            let locations = destination.locate(&schema, &places)?;
            Ok(locations.into_iter().map(location_out).collect())
        })
    }

    fn create_schema_if_not_exists(&self, schema: String) -> Result<(), wit::Failure> {
        self.call(|destination, _| destination.create_schema_if_not_exists(&schema))
    }

    fn claim_schema(&self, schema: String, owner: String) -> Result<u64, wit::Failure> {
        self.call(|destination, _| destination.claim_schema(&schema, &owner))
    }

    fn get_marker(&self, schema: String, stream: String) -> Result<Option<Vec<u8>>, wit::Failure> {
        self.call(|destination, _| destination.get_marker(&schema, &stream))
    }

    fn update_marker(
        &self,
        schema: String,
        markers: Vec<exported::Marker>,
        epoch: u64,
    ) -> Result<(), wit::Failure> {
        self.call(|destination, _| destination.update_marker(&schema, &markers_in(markers), epoch))
    }

    fn create_table_if_not_exists(
        &self,
        schema: String,
        table: exported::TablePlan,
        epoch: u64,
    ) -> Result<(), wit::Failure> {
        self.call(|destination, _| {
            destination.create_table_if_not_exists(&schema, &plan_in(table)?, epoch)
        })
    }

    fn apply_schema_changes(
        &self,
        schema: String,
        changes: Vec<wit::SchemaChange>,
        epoch: u64,
    ) -> Result<Vec<exported::ChangeOutcome>, wit::Failure> {
        self.call(|destination, _| {
            let changes =
                changes.into_iter().map(convert::change_in).collect::<Result<Vec<_>, _>>()?;
            let outcomes = destination.apply_schema_changes(&schema, &changes, epoch)?;
            Ok(outcomes.into_iter().map(change_outcome_out).collect())
        })
    }

    fn write_batch(
        &self,
        request: exported::WriteRequest,
    ) -> Result<exported::WriteOutcome, wit::Failure> {
        self.call(|destination, decoder| {
            let request = request_in(decoder, request)?;
            destination.write_batch(request).map(outcome_out)
        })
    }
}

pub(super) fn markers_in(markers: Vec<exported::Marker>) -> Vec<Marker> {
    let marker = |marker: exported::Marker| Marker { stream: marker.stream, value: marker.value };
    markers.into_iter().map(marker).collect()
}

/// Schema metadata key of a plan: the column that says when a row was deleted.
const DELETED_AT_KEY: &str = "warp:deleted-at";

/// An unknown word is refused: guessing how rows are kept could lose some.
pub(super) fn plan_in(plan: exported::TablePlan) -> Result<TablePlan, Failure> {
    let unknown = |what: &str, word: &str| {
        Failure::stop("unknown-word", format!("this connector knows no {what} {word:?}"))
    };
    let write_mode = match plan.write_mode.as_str() {
        "upsert" => WriteMode::Upsert,
        "append" => WriteMode::Append,
        word => return Err(unknown("write mode", word)),
    };
    let schema = decode_schema(&plan.arrow_schema)?;
    let deleted_at = schema.metadata().get(DELETED_AT_KEY).cloned();
    let deletion = match plan.deletion.as_str() {
        "hard" => Deletion::Hard,
        "soft" => Deletion::Soft {
            column: plan.soft_delete_column,
            deleted_at: deleted_at.unwrap_or_else(|| Deletion::DELETED_AT.to_owned()),
        },
        word => return Err(unknown("deletion", word)),
    };
    let Table { name, columns, key, .. } = Table::from_schema(plan.name, &schema, plan.key)?;
    let place = plan.place.map(place_in);
    Ok(TablePlan { name, place, columns, key, write_mode, deletion })
}

fn place_in(place: exported::TablePlace) -> TablePlace {
    TablePlace { schema: place.schema, table: place.table }
}

fn location_out(location: Location) -> exported::Location {
    let Location { identity, exists, owner } = location;
    let owner = owner.map(|TablePlace { schema, table }| (schema, table));
    exported::Location { identity, exists, owner }
}

fn change_outcome_out(outcome: ChangeOutcome) -> exported::ChangeOutcome {
    let (status, message) = match outcome {
        ChangeOutcome::Applied => ("applied", String::new()),
        ChangeOutcome::Unchanged => ("unchanged", String::new()),
        ChangeOutcome::Refused(reason) => ("refused", reason),
    };
    exported::ChangeOutcome { status: status.to_owned(), message }
}

fn request_in(
    decoder: &mut Decoder,
    request: exported::WriteRequest,
) -> Result<WriteRequest, Failure> {
    let tables = request.tables.into_iter().map(|batch| decoder.decode(convert::rows_in(batch)));
    Ok(WriteRequest {
        schema: request.schema_name,
        clear_tables: request.clear_tables,
        tables: tables.collect::<Result<_, _>>()?,
        dead_letters: request.dead_letters.into_iter().map(convert::dead_letter_in).collect(),
        markers: markers_in(request.markers),
        epoch: request.epoch,
        dead_letter_rejected: request.dead_letter_rejected,
        retry: request.retry.map(|exported::Retry { ids, resolution }| Settlement {
            ids,
            status: Settlement::RESOLVED.to_owned(),
            resolution,
        }),
    })
}

fn outcome_out(outcome: WriteOutcome) -> exported::WriteOutcome {
    let rejected = |row: crate::RejectedRow| exported::RejectedRow {
        batch: u32::try_from(row.batch).unwrap_or(u32::MAX),
        row: u32::try_from(row.row).unwrap_or(u32::MAX),
        code: row.code,
        message: row.message,
    };
    exported::WriteOutcome {
        rows_written: outcome.rows_written,
        rejected: outcome.rejected.into_iter().map(rejected).collect(),
    }
}
