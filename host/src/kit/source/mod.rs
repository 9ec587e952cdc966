//! Checks of sources: what they copy and what they tell comes to what there is, from wherever they go on.

mod altering;
mod copying;
mod disturbing;
mod following;
mod reader;
mod shape;
mod transactions;
mod writes;

use super::{
    check::{Check, always, unclaimed},
    disturbance,
};
use crate::config::KitAbility;

/// For sources alone.
pub const CHECKS: &[Check] = &[
    Check {
        name: "schema",
        meaning: "the tables of the case are listed with their columns and keys",
        spared: always,
        run: |bench| Box::pin(shape::schema(bench)),
    },
    Check {
        name: "snapshot",
        meaning: "a copy has the rows that are there",
        spared: always,
        run: |bench| Box::pin(copying::snapshot(bench)),
    },
    Check {
        name: "snapshot-plan",
        meaning: "a table is cut into the same chunks each time it is planned for a start",
        spared: always,
        run: |bench| Box::pin(copying::plan(bench)),
    },
    Check {
        name: "snapshot-resumed",
        meaning: "another instance goes on with a copy at every cursor",
        spared: always,
        run: |bench| Box::pin(copying::resumed(bench)),
    },
    Check {
        name: "disjoint-chunks",
        meaning: "no two chunks have rows of one key",
        spared: |bench| unclaimed(bench, "disjoint-chunks"),
        run: |bench| Box::pin(copying::disjoint(bench)),
    },
    Check {
        name: "exact-snapshot",
        meaning: "a copy ends where the stream will start, whatever is written meanwhile",
        spared: |bench| unclaimed(bench, "exact-snapshot"),
        run: |bench| Box::pin(copying::exact(bench)),
    },
    Check {
        name: "overlap",
        meaning: "what is written while a copy is made is in the stream behind it",
        spared: always,
        run: |bench| Box::pin(following::overlap(bench)),
    },
    Check {
        name: "changes",
        meaning: "a copy and the changes behind it come to the rows that are there",
        spared: always,
        run: |bench| Box::pin(following::changes(bench)),
    },
    Check {
        name: "changes-resumed",
        meaning: "other instances go on at every position, more than once, and come to the same",
        spared: always,
        run: |bench| Box::pin(following::resumed(bench)),
    },
    Check {
        name: "withheld-confirm",
        meaning: "changes come although nothing is confirmed",
        spared: always,
        run: |bench| Box::pin(following::withheld(bench)),
    },
    Check {
        name: "confirmed",
        meaning: "another instance goes on at the position that was confirmed, and a confirm may repeat",
        spared: always,
        run: |bench| Box::pin(following::confirmed(bench)),
    },
    Check {
        name: "idle",
        meaning: "without changes an answer comes within its time, says so, and moves nothing back",
        spared: always,
        run: |bench| Box::pin(following::idle(bench)),
    },
    Check {
        name: "foreign-position",
        meaning: "a position that is none of its own is a failure, and no crash",
        spared: always,
        run: |bench| Box::pin(shape::foreign_position(bench)),
    },
    Check {
        name: "transactions",
        meaning: "an answer that ends within a transaction says so, and no other one does",
        spared: |bench| unclaimed(bench, "transactions"),
        run: |bench| Box::pin(transactions::transactions(bench)),
    },
    Check {
        name: "new-column",
        meaning: "a column that a table gets arrives with its values, in mid-stream and after a restart",
        spared: |bench| {
            let can = bench.case.driver_can.contains(&KitAbility::Alter);
            (!can).then(|| "the case's `driver_can` lacks `alter`".to_owned())
        },
        run: |bench| Box::pin(altering::new_column(bench)),
    },
    Check {
        name: "disturbed",
        meaning: "a connection that broke is said to be worth another try, and the next one goes on",
        spared: disturbance::spared,
        run: |bench| Box::pin(disturbing::disturbed(bench)),
    },
];
