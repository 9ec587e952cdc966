//! The check of what a source says of its transactions.

use super::{following::copied, reader::Reader, writes};
use crate::kit::{
    bench::Bench,
    finding::{Broken, Checked},
    state::{State, difference},
};

/// Transactions, each of more rows than an answer has.
const ROUNDS: usize = 3;

pub async fn transactions(bench: &mut Bench) -> Checked {
    let (start, mut state) = copied(bench).await?;
    let mut whole = vec![bench.expected().await?];
    for round in 1..=ROUNDS {
        writes::more(bench, round).await?;
        whole.push(bench.expected().await?);
    }
    let last = whole.last().cloned().unwrap_or_default();
    let stream = Reader::open(bench).await?;
    let stops = stream.follow(&start, &mut state, &last, false).await?;
    stream.close().await;
    for stop in stops.iter().filter(|stop| !stop.is_within) {
        must_be_whole(&whole, &stop.state)?;
    }
    let expected = "the last answer ends with a transaction, since there is no more";
    match stops.last() {
        Some(stop) if stop.is_within => Err(Broken::new(
            expected,
            "it is said to end within one",
            "say `within-transaction` only where more of the transaction follows",
        )),
        _ => Ok(()),
    }
}

fn must_be_whole(whole: &[State], seen: &State) -> Checked {
    let differences: Option<Vec<_>> = whole.iter().map(|state| difference(state, seen)).collect();
    let Some(differences) = differences else { return Ok(()) };
    let Some((expected, seen)) = differences.into_iter().next_back() else { return Ok(()) };
    Err(Broken::new(
        "an answer that is not said to end within a transaction ends with one",
        &format!(
            "the rows are those of no transaction's end: at the last one {expected}, but {seen}"
        ),
        "say `within-transaction`, or do not claim `transactions`",
    ))
}
