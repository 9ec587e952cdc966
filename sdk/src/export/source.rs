//! A [`Source`] as the component's `source` export.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::bindings::cartridge::warp::types as wit;
use super::bindings::exports::cartridge::warp::source::{
    ChangeBatch, Chunk, Connection, Guest, GuestConnection, SnapshotBatch,
};
use super::convert;
use crate::wire::Encoder;
use crate::{Failure, Source, TableRows};

/// What the macro exports.
pub struct SourceExport<S>(PhantomData<S>);

/// One connection: the author's value and the schemas that have been sent over it.
pub struct SourceConnection<S>(RefCell<(S, Encoder)>);

impl<S: Source + 'static> Guest for SourceExport<S> {
    type Connection = SourceConnection<S>;

    fn describe() -> wit::ConnectorInfo {
        convert::info::<S::Options>("source", S::describe())
    }

    fn connect(config: wit::ConnectConfig) -> Result<Connection, wit::Failure> {
        let source = convert::config(config).and_then(S::connect).map_err(convert::failure)?;
        Ok(Connection::new(SourceConnection(RefCell::new((source, Encoder::default())))))
    }
}

impl<S: Source + 'static> SourceConnection<S> {
    /// The component model lets no two calls overlap, so the borrow is always free.
    pub(super) fn call<T>(
        &self,
        call: impl FnOnce(&mut S, &mut Encoder) -> Result<T, Failure>,
    ) -> Result<T, wit::Failure> {
        let mut state = self.0.borrow_mut();
        let (source, encoder) = &mut *state;
        call(source, encoder).map_err(convert::failure)
    }
}

impl<S: Source + 'static> GuestConnection for SourceConnection<S> {
    fn test_connection(&self) -> Result<(), wit::Failure> {
        self.call(|source, _| source.test_connection())
    }

    fn identify(&self, schema: String) -> Result<Option<String>, wit::Failure> {
        self.call(|source, _| source.identify(&schema))
    }

    fn get_schema(&self, schema: String) -> Result<Vec<wit::TableInfo>, wit::Failure> {
        self.call(|source, _| source.get_schema(&schema)?.iter().map(convert::table_info).collect())
    }

    fn select_tables(&self, schema: String, tables: Vec<String>) -> Result<(), wit::Failure> {
        self.call(|source, _| source.select_tables(&schema, &tables))
    }

    fn check_position(&self, schema: String, after: wit::Position) -> Result<(), wit::Failure> {
        self.call(|source, _| source.check_position(&schema, &after))
    }

    fn current_position(&self, schema: String) -> Result<wit::Position, wit::Failure> {
        self.call(|source, _| source.current_position(&schema))
    }

    fn renew_tables(
        &self,
        schema: String,
        position: wit::Position,
        tables: Vec<String>,
    ) -> Result<wit::Position, wit::Failure> {
        self.call(|source, _| source.renew_tables(&schema, &position, &tables))
    }

    fn plan_snapshot(
        &self,
        schema: String,
        table: String,
        start: wit::Position,
        target_chunks: u32,
    ) -> Result<Vec<Chunk>, wit::Failure> {
        self.call(|source, _| {
            let chunks = source.plan_snapshot(&schema, &table, &start, target_chunks.max(1))?;
            Ok(chunks.into_iter().map(chunk_out).collect())
        })
    }

    fn get_full_snapshot(
        &self,
        schema: String,
        table: String,
        chunk: Chunk,
        cursor: Option<Vec<u8>>,
        limits: wit::Limits,
    ) -> Result<SnapshotBatch, wit::Failure> {
        self.call(|source, encoder| {
            let (chunk, limits) = (chunk_in(chunk), convert::limits(limits));
            let batch =
                source.get_full_snapshot(&schema, &table, &chunk, cursor.as_deref(), limits)?;
            Ok(SnapshotBatch {
                rows: batch.rows.map(|rows| encode(encoder, &rows)).transpose()?,
                rejected: batch.rejected.into_iter().map(convert::dead_letter_out).collect(),
                next_cursor: batch.next_cursor,
            })
        })
    }

    fn get_changes(
        &self,
        schema: String,
        after: wit::Position,
        limits: wit::Limits,
    ) -> Result<ChangeBatch, wit::Failure> {
        self.call(|source, encoder| {
            let batch = source.get_changes(&schema, &after, convert::limits(limits))?;
            let changes = batch.schema_changes.into_iter().map(convert::change_out);
            Ok(ChangeBatch {
                schema_changes: changes.collect::<Result<_, _>>()?,
                tables: batch
                    .tables
                    .iter()
                    .map(|rows| encode(encoder, rows))
                    .collect::<Result<_, _>>()?,
                rejected: batch.rejected.into_iter().map(convert::dead_letter_out).collect(),
                position: batch.position,
                caught_up: batch.caught_up,
                within_transaction: batch.within_transaction,
            })
        })
    }

    fn confirm(&self, schema: String, position: wit::Position) -> Result<(), wit::Failure> {
        self.call(|source, _| source.confirm(&schema, &position))
    }
}

pub(super) fn encode(encoder: &mut Encoder, rows: &TableRows) -> Result<wit::TableBatch, Failure> {
    encoder.encode(rows).map(convert::rows_out)
}

fn chunk_out(chunk: crate::Chunk) -> Chunk {
    Chunk { id: chunk.id, descriptor: chunk.descriptor, estimated_rows: chunk.estimated_rows }
}

fn chunk_in(chunk: Chunk) -> crate::Chunk {
    crate::Chunk {
        id: chunk.id,
        descriptor: chunk.descriptor,
        estimated_rows: chunk.estimated_rows,
    }
}
