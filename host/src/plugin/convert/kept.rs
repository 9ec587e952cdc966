//! Charges what the host keeps of a guest's answers, for as long as it keeps it (I7).
//!
//! An answer is charged once it is here: while wasmtime copies it out of the guest, only the call's
//! own bound holds ([`Limits::message_bytes_max`](crate::plugin::Limits)), one call at a time for
//! each instance. Amounts are estimates: what the system takes is at most about three times as much,
//! where rows are cast to other types on their way or lie unaligned.

use std::collections::HashMap;

use bytes::Bytes;

use crate::{
    model::{Chunk, DeadLetter, Held, TableShape},
    plugin::{
        Cause, Resource,
        ledger::{Account, Charge},
        limits::{BATCH_COLUMN_BYTES, RECORD_BYTES},
        wire::schema_bytes,
    },
};

/// Rows with their charge.
pub(super) struct Ledgered {
    rows: Vec<u8>,
    _held: Charge,
}

impl AsRef<[u8]> for Ledgered {
    fn as_ref(&self) -> &[u8] {
        &self.rows
    }
}

impl Ledgered {
    /// The rows of a batch of this many columns, charged as long as any part of them is used: the
    /// decoded columns share their memory.
    pub(super) fn rows(rows: Vec<u8>, columns: usize, account: &Account) -> Result<Bytes, Cause> {
        let bytes = (rows.len() as u64).saturating_add(columns as u64 * BATCH_COLUMN_BYTES);
        let held = account.charge(Resource::Memory, bytes).map_err(Cause::Exhausted)?;
        Ok(Bytes::from_owner(Self { rows, _held: held }))
    }
}

/// What a source told of its tables, which the host remembers until the connection ends: the last
/// shape of each, and its chunks.
pub(in crate::plugin) struct Told {
    account: Account,
    shapes: HashMap<String, Charge>,
    chunks: HashMap<String, Charge>,
}

impl Told {
    pub(in crate::plugin) fn new(account: Account) -> Self {
        Self { account, shapes: HashMap::new(), chunks: HashMap::new() }
    }

    pub(super) fn shape(&mut self, shape: &TableShape) -> Result<(), Cause> {
        let key: usize = shape.key.iter().map(String::len).sum();
        let bytes = (shape.name.len() + key) as u64 + RECORD_BYTES + schema_bytes(&shape.schema);
        let account = &self.account;
        remember(&mut self.shapes, &shape.name, account, bytes)
    }

    pub(in crate::plugin) fn chunks(&mut self, table: &str, chunks: &[Chunk]) -> Result<(), Cause> {
        let bytes = |chunk: &Chunk| (chunk.id.len() + chunk.descriptor.len()) as u64 + RECORD_BYTES;
        let bytes = chunks.iter().map(bytes).sum();
        remember(&mut self.chunks, table, &self.account, bytes)
    }
}

fn remember(
    kept: &mut HashMap<String, Charge>,
    table: &str,
    account: &Account,
    bytes: u64,
) -> Result<(), Cause> {
    let held = kept.entry(table.to_owned()).or_insert_with(|| account.nothing(Resource::Memory));
    held.resize(bytes).map_err(Cause::Exhausted)
}

/// Charges the dead letters of an answer together: until the last of them is gone.
pub(in crate::plugin) fn letters(
    letters: &mut [DeadLetter],
    account: &Account,
) -> Result<(), Cause> {
    if letters.is_empty() {
        return Ok(());
    }
    let bytes = letters.iter().map(letter_bytes).sum();
    let held = account.charge(Resource::Memory, bytes).map_err(Cause::Exhausted)?;
    let held = Held::new(held);
    letters.iter_mut().for_each(|letter| letter.held = held.clone());
    Ok(())
}

pub(in crate::plugin) fn letter_bytes(letter: &DeadLetter) -> u64 {
    let DeadLetter { table, operation, payload, code, message, origin, key, held: _ } = letter;
    let texts = [table, operation, payload, code, message, origin];
    let texts = texts.into_iter().chain(key);
    texts.map(|text| text.len() as u64).sum::<u64>() + RECORD_BYTES
}
