//! Rows that are looked up by their keys, on either side.

use std::collections::{BTreeMap, HashSet};

use super::{
    scan::{LIMITS, NOT_READ, OTHER_COLUMNS, SHAPE_CHANGED},
    view::{Keys, Rows, View},
};
use crate::{
    model::{TableBatch, TableShape},
    plugin::{DestinationConnection, LookedUp, ReadLimits, SourceConnection, encode_batch},
    runner::{
        context::SchemaContext,
        error::RunError,
        table::{KeyTexts, Table, unencodable},
    },
};

/// A table, and what is needed to look its rows up.
pub struct Look<'a> {
    pub context: &'a SchemaContext,
    pub source: &'a SourceConnection,
    pub destination: &'a DestinationConnection,
    pub view: &'a View,
    pub table: &'a mut Table,
    /// As the source describes it.
    pub described: &'a TableShape,
}

/// What one side has of some rows.
#[derive(Default)]
pub struct Found {
    batches: Vec<Rows>,
    /// By the hashes of their keys.
    places: BTreeMap<u128, (usize, usize)>,
    /// Rows that cannot travel, or have no form, by the hashes of their keys.
    refused: HashSet<u128>,
    /// Some of those have no key.
    refuses_any: bool,
}

/// Why rows cannot be looked up.
pub type Why = &'static str;

const NO_LOOKUP: Why = "the source looks no rows up";
const OTHER_ROWS: Why = "a look-up was answered with rows that were not asked for";

impl Found {
    /// The hash of a row, if there is one.
    pub fn hash(&self, key: u128) -> Option<u128> {
        let (rows, row) = self.row(key)?;
        rows.hashed.get(row).map(|hashed| hashed.row)
    }

    /// A row, and the batch that it is in.
    pub fn row(&self, key: u128) -> Option<(&Rows, usize)> {
        let (batch, row) = self.places.get(&key)?;
        Some((self.batches.get(*batch)?, *row))
    }

    /// Whether the row cannot be told, or may be one that cannot.
    pub fn refuses(&self, key: u128) -> bool {
        self.refuses_any || self.refused.contains(&key)
    }

    /// Whether there are rows that cannot be told, and nobody knows which.
    pub fn refuses_unknown(&self) -> bool {
        self.refuses_any
    }

    /// Takes rows; whether each is one that was asked for, and comes for the first time.
    fn add(&mut self, keys: &Keys, rows: Rows) -> bool {
        let batch = self.batches.len();
        let mut are_asked = true;
        for (row, hashed) in rows.hashed.iter().enumerate() {
            let is_first = self.places.insert(hashed.key, (batch, row)).is_none();
            are_asked &= is_first && keys.hashes.contains(&hashed.key);
        }
        self.batches.push(rows);
        are_asked
    }

    fn refuse(&mut self, key: Option<u128>) {
        match key {
            Some(key) => drop(self.refused.insert(key)),
            None => self.refuses_any = true,
        }
    }
}

impl Look<'_> {
    /// The keys as each side is asked for them; or which of them are none of the source's.
    pub fn keys(&self, keys: &[&KeyTexts]) -> Result<Result<Keys, Vec<usize>>, RunError> {
        Keys::of(self.view, self.table, self.described, keys)
    }

    /// What the source has, in the form that the destination should have it in.
    pub async fn at_source(&mut self, keys: &Keys) -> Result<Result<Found, Why>, RunError> {
        let (mut found, mut left) = (Found::default(), keys.source.clone());
        loop {
            let answer = self.source.lookup(self.context.name(), &left, limits(&left)).await;
            let answer = answer.map_err(|error| error.about(&left.table))?;
            let Some(LookedUp { answered, rows, rejected, .. }) = answer else {
                return Ok(Err(NO_LOOKUP));
            };
            for letter in rejected {
                let said = letter.key.as_deref().and_then(|key| self.table.redact_key(key));
                found.refuse(self.view.said(self.table, said.as_deref())?);
            }
            if let Some(rows) = rows {
                let Some(shaped) = self.view.shaped(self.table, rows)? else {
                    return Ok(Err(SHAPE_CHANGED));
                };
                for said in shaped.refused {
                    found.refuse(self.view.said(self.table, said.as_deref())?);
                }
                if !shaped.parts.into_iter().all(|rows| found.add(keys, rows)) {
                    return Ok(Err(OTHER_ROWS));
                }
            }
            match rest(&left, answered)? {
                Some(rest) => left = rest,
                None => return Ok(Ok(found)),
            }
        }
    }

    /// What the destination has.
    pub async fn at_destination(&self, keys: &Keys) -> Result<Result<Found, Why>, RunError> {
        let (mut found, mut left) = (Found::default(), keys.destination.clone());
        loop {
            let (schema, plan) = (self.context.name(), &self.view.plan);
            let answer = self.destination.lookup(schema, plan, &left, limits(&left)).await;
            let answer = answer.map_err(|error| error.about(&left.table))?;
            let Some(LookedUp { answered, rows, rejected, .. }) = answer else {
                return Ok(Err(NOT_READ));
            };
            for letter in rejected {
                found.refuse(self.view.said(self.table, letter.key.as_deref())?);
            }
            if let Some(rows) = rows {
                let Some(rows) = self.view.kept(&rows.columns)? else {
                    return Ok(Err(OTHER_COLUMNS));
                };
                if !found.add(keys, rows) {
                    return Ok(Err(OTHER_ROWS));
                }
            }
            match rest(&left, answered)? {
                Some(rest) => left = rest,
                None => return Ok(Ok(found)),
            }
        }
    }
}

fn limits(keys: &TableBatch) -> ReadLimits {
    ReadLimits { rows_max: u32::try_from(keys.row_count()).unwrap_or(u32::MAX), ..LIMITS }
}

/// The keys behind those that were answered.
fn rest(keys: &TableBatch, answered: usize) -> Result<Option<TableBatch>, RunError> {
    let left = keys.row_count().saturating_sub(answered);
    if left == 0 {
        return Ok(None);
    }
    let rows = keys.columns.slice(answered, left);
    let rest = encode_batch(&keys.table, &keys.schema, rows);
    rest.map(Some).map_err(|cause| unencodable(&keys.table, cause))
}
