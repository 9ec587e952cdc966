//! Proves that the destination has what the source has, beside a run or without one. Nothing is claimed or written.
//!
//! Three passes over each table: all rows of both sides into few sums (`buckets`), the rows behind sums that differ
//! one by one, and each of those that differ by look-ups until it is known why (`settle`).

mod asked;
mod buckets;
mod letters;
mod look;
mod passes;
mod pending;
mod report;
mod sample;
mod scan;
mod settle;
mod sides;
mod table;
mod view;

use std::{collections::BTreeMap, sync::Arc};

pub use self::{
    asked::Asked,
    report::{Compared, Proof, Sample, Verified},
};
use self::{scan::End, sides::Sides};
use super::{
    order::{check_at_rest, unknown},
    standing::{Standing, standing},
};
use crate::{
    model::Position,
    runner::{
        attempt::check_owner, context::SchemaContext, error::RunError, side::check_apart,
        state::CHANGES, table::Table,
    },
};

/// Compares the tables of a schema.
pub async fn verify(context: &Arc<SchemaContext>, asked: Asked<'_>) -> Result<Verified, RunError> {
    let destination = context.open_destination().await?;
    check_owner(context, &destination).await?;
    check_at_rest(context, &destination, !asked.at_rest).await?;
    let source = context.open_source().await?;
    check_apart(&source, &destination, context.name(), context.destination_schema()).await?;
    let is_wanted = |name: &str| asked.table.is_none_or(|table| table == name);
    let why_not = Table::why_not_compared;
    let Standing { tables, passed, followed } =
        standing(context, &source, &destination, is_wanted, why_not).await?;
    if let Some(table) =
        asked.table.filter(|it| !tables.contains_key(*it) && !passed.contains_key(*it))
    {
        return Err(unknown(context, table));
    }
    let mut proofs: BTreeMap<String, Proof> =
        passed.into_iter().map(|(table, why)| (table, Proof::NotCompared(why))).collect();
    for (name, described) in tables {
        // The latest: sources may forget what lies behind.
        let position = destination.get_marker(context.name(), CHANGES).await?;
        let start = Position(position.unwrap_or_default());
        let rows_per_second = asked.rows_per_second;
        let (source, destination) = (&source, &destination);
        let estimated_rows = described.source.estimated_rows;
        let sides = Sides { context, source, destination, start, rows_per_second, estimated_rows };
        let compared = Box::pin(sides.compare(described.source, &followed, asked)).await;
        let proof = match compared {
            Ok(compared) => Proof::Compared(Box::new(compared)),
            Err(End::NotCompared(why)) => Proof::NotCompared(why),
            Err(End::Error(error)) => return Err(error),
        };
        proofs.insert(name, proof);
    }
    source.close().await;
    destination.close().await;
    Ok(Verified(proofs))
}
