//! The dead letters of a schema, for a person: which there are, and that some are settled.
//!
//! Neither claims the schema: a letter is no position and no row, so a run that goes on loses nothing, and the
//! next look of it sees what was settled.

use crate::{
    model::{KeptLetter, LetterFilter, LetterPage, Settlement},
    plugin::DestinationConnection,
    runner::{attempt::check_owner, context::SchemaContext, error::RunError},
};

/// Letters that are asked for at once, and the bytes of their rows.
pub const PAGE_LETTERS_MAX: u32 = 500;
const PAGE_BYTES_MAX: u64 = 4 << 20;

/// Letters that match, the oldest first.
#[derive(Debug, Default)]
pub struct Listed {
    pub letters: Vec<KeptLetter>,
    /// There are more than were asked for.
    pub more: bool,
}

/// At most `limit` letters that match. Without their rows, unless `with_rows`.
pub async fn list(
    context: &SchemaContext,
    filter: &LetterFilter,
    limit: usize,
    with_rows: bool,
) -> Result<Listed, RunError> {
    let destination = context.open_destination().await?;
    check_owner(context, &destination).await?;
    let listed = collect(context, &destination, filter, limit, with_rows).await?;
    destination.close().await;
    Ok(listed)
}

/// The same on a connection that is open.
pub async fn collect(
    context: &SchemaContext,
    destination: &DestinationConnection,
    filter: &LetterFilter,
    limit: usize,
    with_rows: bool,
) -> Result<Listed, RunError> {
    let mut listed = Listed::default();
    let mut after = 0;
    loop {
        let room = u32::try_from(limit - listed.letters.len()).unwrap_or(u32::MAX);
        let page = page(context, destination, filter, after, room).await?;
        let Some(last) = page.letters.last() else { break };
        after = last.id;
        listed.letters.extend(page.letters.into_iter().map(|letter| match with_rows {
            true => letter,
            false => KeptLetter { payload: String::new(), ..letter },
        }));
        listed.more = page.more;
        if !page.more || listed.letters.len() >= limit {
            break;
        }
    }
    Ok(listed)
}

/// Settles the open letters that match, and says so in each; how many it were. What was settled before an error
/// stays settled, and the others are found again.
pub async fn settle(
    context: &SchemaContext,
    filter: &LetterFilter,
    status: &str,
    resolution: &str,
) -> Result<u64, RunError> {
    let destination = context.open_destination().await?;
    check_owner(context, &destination).await?;
    let settled = settle_open(context, &destination, filter, status, resolution).await?;
    // A run of this process need not wait until it looks again.
    context.letters.ask(&destination).await?;
    destination.close().await;
    Ok(settled)
}

/// The same on a connection that is open.
pub async fn settle_open(
    context: &SchemaContext,
    destination: &DestinationConnection,
    filter: &LetterFilter,
    status: &str,
    resolution: &str,
) -> Result<u64, RunError> {
    let open = LetterFilter { status: Some(LetterFilter::OPEN.to_owned()), ..filter.clone() };
    let (mut after, mut settled) = (0, 0);
    loop {
        let page = page(context, destination, &open, after, PAGE_LETTERS_MAX).await?;
        let Some(last) = page.letters.last() else { break };
        after = last.id;
        let settlement = Settlement {
            ids: page.letters.iter().map(|letter| letter.id).collect(),
            status: status.to_owned(),
            resolution: resolution.to_owned(),
        };
        let answer = destination.settle(context.name(), &settlement).await?;
        settled += answer.ok_or_else(|| none_kept(context))?;
        if !page.more {
            break;
        }
    }
    Ok(settled)
}

/// Some letters above an id that match.
pub async fn page(
    context: &SchemaContext,
    destination: &DestinationConnection,
    filter: &LetterFilter,
    after: u64,
    room: u32,
) -> Result<LetterPage, RunError> {
    let limit = room.min(PAGE_LETTERS_MAX);
    let page =
        destination.list_letters(context.name(), filter, after, limit, PAGE_BYTES_MAX).await?;
    page.ok_or_else(|| none_kept(context))
}

fn none_kept(context: &SchemaContext) -> RunError {
    RunError::NoLetters {
        plugin: context.destination.plugin.info.name.clone(),
        schema: context.name().to_owned(),
    }
}
