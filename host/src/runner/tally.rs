//! What a run has committed, counted.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::model::{Operation, TableBatch};

/// What a run has committed, for its report.
#[derive(Debug, Default)]
pub struct Tally {
    rows: Mutex<BTreeMap<String, [u64; 4]>>,
    dead_letters: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    pub fn add(&self, measured: &[Measured], dead_letters: u64) {
        self.dead_letters.fetch_add(dead_letters, Ordering::Relaxed);
        let bytes = measured.iter().map(|batch| batch.bytes).sum();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        for batch in measured {
            let counts = rows.entry(batch.table.clone()).or_default();
            for (count, more) in counts.iter_mut().zip(batch.operations) {
                *count += more;
            }
        }
    }

    /// Rows by table, indexed by [`Operation`].
    pub fn rows(&self) -> BTreeMap<String, [u64; Operation::ALL.len()]> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn dead_letters(&self) -> u64 {
        self.dead_letters.load(Ordering::Relaxed)
    }

    /// Encoded size of all rows.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// What is measured of a batch before it is handed over.
#[derive(Debug)]
pub struct Measured {
    pub table: String,
    pub operations: [u64; 4],
    pub bytes: u64,
    pub newest_commit_us: Option<i64>,
}

impl Measured {
    pub fn bytes_per_row(&self) -> u64 {
        self.bytes / self.rows().max(1)
    }

    pub fn rows(&self) -> u64 {
        self.operations.iter().sum()
    }

    pub fn of(batch: &TableBatch) -> Self {
        Self {
            table: batch.table.clone(),
            operations: batch.operation_counts(),
            bytes: batch.byte_count() as u64,
            newest_commit_us: batch.newest_commit_us(),
        }
    }
}
