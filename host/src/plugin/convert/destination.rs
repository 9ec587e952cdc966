//! What destinations are told, and what they answer.

use std::{collections::HashSet, sync::Arc};

use super::{
    bounds::{bounded_name, count, dead_letter_out, malformed, message, name, word},
    kept::letter_bytes,
};
use crate::{
    model::{
        ChangeKind, Deletion, Location, Marker, SchemaChange, Settlement, TableBatch, TablePlace,
        TablePlan, TableShape, WriteMode,
    },
    plugin::{
        Cause, ChangeOutcome, RejectedRow, WriteOutcome, WriteRequest,
        bindings::{
            destination::exports::cartridge::warp::destination as export,
            source::cartridge::warp::types as wit,
        },
        limits::PLACE_BYTES_MAX,
        text,
        wire::{WireError, table_schema},
    },
};

pub(in crate::plugin) fn markers(markers: Vec<Marker>) -> Vec<export::Marker> {
    markers.into_iter().map(|Marker { stream, value }| export::Marker { stream, value }).collect()
}

/// Schema metadata of a plan: the column that says when a row was deleted.
const DELETED_AT_KEY: &str = "warp:deleted-at";

/// The error is ours, not the guest's: a plan that can't be encoded.
pub(in crate::plugin) fn table_plan(plan: &TablePlan) -> Result<export::TablePlan, WireError> {
    let mut schema = plan.schema.clone();
    let (deletion, soft_delete_column) = match &plan.deletion {
        Deletion::Hard => ("hard", String::new()),
        Deletion::Soft { column, deleted_at } => {
            let metadata = &mut Arc::make_mut(&mut schema).metadata;
            metadata.insert(DELETED_AT_KEY.to_owned(), deleted_at.clone());
            ("soft", column.clone())
        }
    };
    let write_mode = match plan.write_mode {
        WriteMode::Upsert => "upsert",
        WriteMode::Append => "append",
    };
    Ok(export::TablePlan {
        name: plan.name.clone(),
        place: plan.place.clone().map(place),
        arrow_schema: table_schema(schema)?.message.to_vec(),
        key: plan.key.clone(),
        write_mode: write_mode.to_owned(),
        deletion: deletion.to_owned(),
        soft_delete_column,
    })
}

pub(in crate::plugin) fn place(place: TablePlace) -> export::TablePlace {
    let TablePlace { schema, table } = place;
    export::TablePlace { schema, table }
}

/// One for each of the places that were asked about.
pub(in crate::plugin) fn locations(
    locations: Vec<export::Location>,
    places: usize,
) -> Result<Vec<Location>, Cause> {
    if locations.len() != places {
        let found = locations.len();
        return Err(malformed(format!("{found} locations for {places} places")));
    }
    locations.into_iter().map(location).collect()
}

fn location(location: export::Location) -> Result<Location, Cause> {
    let export::Location { identity, exists, owner } = location;
    let owner = owner.map(|(schema, table)| {
        Ok(TablePlace { schema: name("schema", schema)?, table: name("table", table)? })
    });
    let identity = bounded_name("place of a table", identity, PLACE_BYTES_MAX)?;
    Ok(Location { identity, exists, owner: owner.transpose()? })
}

pub(in crate::plugin) fn schema_changes(
    changes: &[SchemaChange],
) -> Result<Vec<wit::SchemaChange>, WireError> {
    changes.iter().map(schema_change).collect()
}

fn schema_change(change: &SchemaChange) -> Result<wit::SchemaChange, WireError> {
    let (column, new_name) = match &change.kind {
        ChangeKind::AddColumn { column }
        | ChangeKind::DropColumn { column }
        | ChangeKind::ModifyColumn { column } => (Some(column.clone()), None),
        ChangeKind::RenameColumn { column, new_name } => {
            (Some(column.clone()), Some(new_name.clone()))
        }
        ChangeKind::AddTable | ChangeKind::DropTable => (None, None),
    };
    Ok(wit::SchemaChange {
        kind: change.kind.word().to_owned(),
        table: change.table.clone(),
        column,
        new_name,
        after: change.after.as_ref().map(table_info).transpose()?,
    })
}

fn table_info(shape: &TableShape) -> Result<wit::TableInfo, WireError> {
    Ok(wit::TableInfo {
        name: shape.name.clone(),
        arrow_schema: table_schema(shape.schema.clone())?.message.to_vec(),
        key: shape.key.clone(),
        estimated_rows: shape.estimated_rows,
    })
}

/// What a request takes while the guest is shown it.
pub(in crate::plugin) fn request_bytes(request: &WriteRequest) -> u64 {
    let rows = request.tables.iter().map(|batch| (batch.rows.len() + batch.table.len()) as u64);
    let letters = request.dead_letters.iter().map(letter_bytes);
    let markers = request.markers.iter().map(|marker| {
        let value = marker.value.as_ref().map_or(0, Vec::len);
        (marker.stream.len() + value) as u64
    });
    rows.chain(letters).chain(markers).sum()
}

/// A batch as the guest gets it. Schemas in `known` are named only; those that are new are returned,
/// to be known once the guest has taken the batch.
pub(in crate::plugin) fn write_request(
    request: WriteRequest,
    known: &HashSet<String>,
) -> (export::WriteRequest, Vec<String>) {
    let mut shown: Vec<String> = Vec::new();
    let tables = request.tables.into_iter().map(|batch| {
        let id = &batch.schema.id;
        let is_new = !known.contains(id) && !shown.contains(id);
        if is_new {
            shown.push(id.clone());
        }
        table_batch(&batch, is_new)
    });
    let tables = tables.collect();
    let request = export::WriteRequest {
        schema_name: request.schema_name,
        clear_tables: request.clear_tables,
        tables,
        dead_letters: request.dead_letters.into_iter().map(dead_letter_out).collect(),
        markers: markers(request.markers),
        epoch: request.epoch,
        dead_letter_rejected: request.dead_letter_rejected,
        retry: request
            .retry
            .map(|Settlement { ids, resolution, .. }| export::Retry { ids, resolution }),
    };
    (request, shown)
}

pub(super) fn table_batch(batch: &TableBatch, with_schema: bool) -> wit::TableBatch {
    wit::TableBatch {
        table: batch.table.clone(),
        schema_id: batch.schema.id.clone(),
        arrow_schema: with_schema.then(|| batch.schema.message.to_vec()),
        rows: batch.rows.to_vec(),
        // A batch was a message with a 32-bit count, or was encoded by us from one.
        row_count: u32::try_from(batch.row_count()).unwrap_or(u32::MAX),
    }
}

pub(in crate::plugin) fn change_outcomes(
    outcomes: Vec<export::ChangeOutcome>,
    changes: usize,
) -> Result<Vec<ChangeOutcome>, Cause> {
    if outcomes.len() != changes {
        let found = outcomes.len();
        return Err(malformed(format!("{found} outcomes for {changes} schema changes")));
    }
    outcomes.into_iter().map(change_outcome).collect()
}

fn change_outcome(outcome: export::ChangeOutcome) -> Result<ChangeOutcome, Cause> {
    match outcome.status.as_str() {
        "applied" => Ok(ChangeOutcome::Applied),
        "unchanged" => Ok(ChangeOutcome::Unchanged),
        "refused" => Ok(ChangeOutcome::Refused { reason: message(&outcome.message) }),
        other => {
            let shown = text::one_line(other, 64);
            Err(malformed(format!("`{shown}` is no outcome of a schema change")))
        }
    }
}

/// `rows` are the row counts of the batches that were sent.
pub(in crate::plugin) fn write_outcome(
    outcome: export::WriteOutcome,
    rows: &[usize],
) -> Result<WriteOutcome, Cause> {
    count("rejected rows", outcome.rejected.len(), rows.iter().sum())?;
    let rejected = outcome.rejected.into_iter().map(|rejected| {
        let (batch, row) = (rejected.batch as usize, rejected.row as usize);
        if rows.get(batch).is_none_or(|rows| row >= *rows) {
            return Err(malformed(format!(
                "it rejected row {row} of batch {batch}, which is none"
            )));
        }
        let (code, message) = (word(&rejected.code), message(&rejected.message));
        Ok(RejectedRow { batch, row, code, message })
    });
    Ok(WriteOutcome {
        rows_written: outcome.rows_written,
        rejected: rejected.collect::<Result<_, _>>()?,
    })
}
