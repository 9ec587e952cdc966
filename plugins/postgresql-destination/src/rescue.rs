//! Finds the rows that the server refuses and writes the others.
//!
//! Work is halved on savepoints until a single piece is to blame, so a few bad rows among many cost a
//! few repetitions.

use std::ops::Range;

use crate::refusal::Refusal;
use crate::session::Session;

/// Applies `count` pieces; `refused` gets each piece that the server does not take by itself.
pub(crate) fn bisect(
    session: &Session,
    count: usize,
    mut apply: impl FnMut(Range<usize>) -> Result<(), Refusal>,
    mut refused: impl FnMut(usize, Refusal) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut left: Vec<_> = std::iter::once(0..count).collect();
    while let Some(range) = left.pop() {
        if range.is_empty() {
            continue;
        }
        let Some(refusal) = saved(session, || apply(range.clone()))? else { continue };
        if range.len() == 1 {
            refused(range.start, refusal)?;
        } else {
            let middle = range.start + range.len() / 2;
            left.push(middle..range.end);
            left.push(range.start..middle);
        }
    }
    Ok(())
}

/// Runs `work` on a savepoint; answers why it was undone, if a row is to blame.
pub(crate) fn saved(
    session: &Session,
    work: impl FnOnce() -> Result<(), Refusal>,
) -> Result<Option<Refusal>, Refusal> {
    session.run("SAVEPOINT piece")?;
    match work() {
        Ok(()) => session.run("RELEASE piece").map(|()| None),
        Err(refusal) if refusal.blames_row.is_some() => {
            session.run("ROLLBACK TO piece; RELEASE piece")?;
            Ok(Some(refusal))
        }
        Err(refusal) => Err(refusal),
    }
}
