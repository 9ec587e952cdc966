//! Checks of destinations: rows and markers are there together, once, in order, and only for whoever may write.

mod batches;
mod committing;
mod disturbing;
mod owning;
mod values;
mod writer;

use super::{
    check::{Check, always},
    disturbance,
};
use crate::kit::bench::Bench;

/// For destinations alone.
pub const CHECKS: &[Check] = &[
    Check {
        name: "create-table",
        meaning: "a table can be made twice, is empty, and keeps its rows when it is made again",
        spared: always,
        run: |bench| Box::pin(values::create_table(bench)),
    },
    Check {
        name: "values",
        meaning: "values at the edges of each type come back as they are",
        spared: always,
        run: |bench| Box::pin(values::edges(bench)),
    },
    Check {
        name: "order",
        meaning: "of several changes of one key in a batch the last one counts",
        spared: always,
        run: |bench| Box::pin(values::order(bench)),
    },
    Check {
        name: "deletes",
        meaning: "a delete ends its row and no other, and one of no row is no error",
        spared: always,
        run: |bench| Box::pin(values::deletes(bench)),
    },
    Check {
        name: "unchanged",
        meaning: "a value that was not sent stays, and NULL takes its place where it was sent",
        spared: only_keys,
        run: |bench| Box::pin(values::unchanged(bench)),
    },
    Check {
        name: "truncate",
        meaning: "a truncate empties the table where it stands among the rows",
        spared: always,
        run: |bench| Box::pin(values::truncate(bench)),
    },
    Check {
        name: "redelivery",
        meaning: "a batch that comes twice leaves what it leaves once",
        spared: always,
        run: |bench| Box::pin(committing::redelivery(bench)),
    },
    Check {
        name: "markers",
        meaning: "markers are there with their rows for whoever connects next, and go when they are deleted",
        spared: always,
        run: |bench| Box::pin(committing::markers(bench)),
    },
    Check {
        name: "refused-row",
        meaning: "where a row may not become a dead letter, nothing of its batch is written",
        spared: unrefusing,
        run: |bench| Box::pin(committing::refused_row(bench)),
    },
    Check {
        name: "dead-letters",
        meaning: "a row that cannot be written costs no other one, and is said to be refused",
        spared: unrefusing,
        run: |bench| Box::pin(committing::dead_letters(bench)),
    },
    Check {
        name: "clear-tables",
        meaning: "tables are emptied before the rows of the same request, and no others",
        spared: always,
        run: |bench| Box::pin(committing::clear_tables(bench)),
    },
    Check {
        name: "fence",
        meaning: "after a claim every call of an older one is fenced and writes nothing",
        spared: always,
        run: |bench| Box::pin(owning::fence(bench)),
    },
    Check {
        name: "disturbed",
        meaning: "a connection that broke is said to be worth another try, and the next one writes",
        spared: disturbance::spared,
        run: |bench| Box::pin(disturbing::disturbed(bench)),
    },
];

/// A log takes every row; and none can be refused whose columns are all keys.
fn unrefusing(bench: &Bench) -> Option<String> {
    let takes_all = "the component keeps logs (`append-only`), which take every row".to_owned();
    if writer::keeps_logs(bench) { Some(takes_all) } else { only_keys(bench) }
}

fn only_keys(bench: &Bench) -> Option<String> {
    let has_values = |table: &crate::config::KitTable| table.columns.len() > table.key.len();
    let any = bench.case.tables.values().all(has_values);
    (!any).then(|| "the case has a table without columns beside its key".to_owned())
}
