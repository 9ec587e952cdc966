//! Tries dead letters again while nobody runs the schema: their rows are looked up at the source by their keys and
//! go the way of every row, in one commit with the settling of their letters.
//!
//! What is written is the row of now, looked up under a claim of its own. So it is at least as new as what the
//! destination has of its key, which came by commits from before the claim. It may be newer than the stored
//! position: the next run tells the changes in between once more, over it, and the last of them is that row. That
//! is right only where one row stands for a key, so logs and tables without a key have no part in it.

mod page;
mod told;

use std::{collections::BTreeSet, sync::Arc};

pub use self::told::Retried;
use super::{
    letters::{self, PAGE_LETTERS_MAX},
    opened::open,
    order::check_at_rest,
};
use crate::{
    model::LetterFilter,
    plugin::DestinationConnection,
    runner::{attempt::check_owner, context::SchemaContext, error::RunError},
};

/// Tries the open letters that match again, about `letters_max` of them (I7). `resolution` says in each who did it and
/// when.
pub async fn retry(
    context: &Arc<SchemaContext>,
    filter: &LetterFilter,
    resolution: &str,
    take_over: bool,
    letters_max: usize,
) -> Result<Retried, RunError> {
    let destination = context.open_destination().await?;
    check_owner(context, &destination).await?;
    let mut told = Retried::default();
    // Letters that are new meanwhile are not meant, and a retry that made some would never end.
    let ids = ids(context, &destination, filter, letters_max, &mut told).await?;
    if ids.is_empty() {
        destination.close().await;
        return Ok(told);
    }
    check_at_rest(context, &destination, take_over).await?;
    let tables = tables(context, &destination, filter).await?;
    let opened = open(context, destination.clone(), &tables).await?;
    for some in ids.chunks(PAGE_LETTERS_MAX as usize) {
        let open = LetterFilter::open_ones(some);
        let open = async || letters::collect(context, &destination, &open, some.len(), false).await;
        page::retry(&opened, open().await?.letters, resolution, &mut told).await?;
        told.settle(open().await?.letters);
    }
    opened.source.close().await;
    destination.close().await;
    Ok(told)
}

/// The numbers of the open letters that match.
async fn ids(
    context: &SchemaContext,
    destination: &DestinationConnection,
    filter: &LetterFilter,
    letters_max: usize,
    told: &mut Retried,
) -> Result<Vec<u64>, RunError> {
    let open = LetterFilter { status: Some(LetterFilter::OPEN.to_owned()), ..filter.clone() };
    let mut ids = Vec::new();
    loop {
        let after = ids.last().copied().unwrap_or_default();
        let page = letters::page(context, destination, &open, after, PAGE_LETTERS_MAX).await?;
        ids.extend(page.letters.iter().map(|letter| letter.id));
        told.more = page.more;
        if !page.more || ids.len() >= letters_max {
            return Ok(ids);
        }
    }
}

/// The tables that have open letters, as far as they are meant.
async fn tables(
    context: &SchemaContext,
    destination: &DestinationConnection,
    filter: &LetterFilter,
) -> Result<BTreeSet<String>, RunError> {
    let open = destination.count_open(context.name()).await?.unwrap_or_default();
    let is_meant = |table: &String| filter.table.as_ref().is_none_or(|wanted| wanted == table);
    Ok(open.into_iter().map(|(table, _)| table).filter(is_meant).collect())
}
