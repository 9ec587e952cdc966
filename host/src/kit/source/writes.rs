//! What the kit has a driver write to a source.

use crate::{
    config::{ChangeDetectionStrategy, KitOperation, KitTable},
    kit::{
        bench::{Bench, Written},
        finding::Checked,
        sample::{key_only, row},
    },
};

/// Rows of a table before anything reads it.
const ROWS: usize = 12;

fn insert(table: &KitTable, n: usize, version: usize) -> Written {
    Written { operation: KitOperation::Insert, row: row(table, n, version) }
}

fn update(table: &KitTable, n: usize, version: usize) -> Written {
    Written { operation: KitOperation::Update, row: row(table, n, version) }
}

fn delete(table: &KitTable, n: usize) -> Written {
    Written { operation: KitOperation::Delete, row: key_only(table, n) }
}

/// The first rows of all tables.
pub async fn first(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    bench.write(|table| (1..=ROWS).map(|n| insert(table, n, 0)).collect()).await
}

/// Changes of each kind, of old rows and new ones. `round` tells those of one call from those of another.
pub async fn more(bench: &mut Bench, round: usize) -> Checked {
    let updates = bench.case.writes(KitOperation::Update);
    let deletes = bench.case.writes(KitOperation::Delete) && tells_deletes(bench);
    bench
        .write(|table| {
            let new = ROWS + 3 * round;
            let mut writes = vec![insert(table, new + 1, 0), insert(table, new + 2, 0)];
            if updates {
                // The last one is of this round alone, so that nothing later hides that it is missing.
                let changed = [1, new + 1, 1 + round];
                writes.extend(changed.map(|n| update(table, n, round + 1)));
            }
            if deletes {
                let old = 5 + round;
                writes.extend([
                    delete(table, old),
                    delete(table, 11),
                    insert(table, 11, round + 2),
                    insert(table, new + 3, 0),
                    delete(table, new + 3),
                ]);
            }
            writes
        })
        .await
}

/// A source that compares times never sees that a row is gone.
fn tells_deletes(bench: &Bench) -> bool {
    let source = bench.case.source.as_ref();
    let chosen = source.and_then(|source| source.change_detection_strategy);
    let has_log = bench.plugin.info.has("change-detection:log");
    has_log && chosen.is_none_or(|strategy| strategy == ChangeDetectionStrategy::Log)
}
