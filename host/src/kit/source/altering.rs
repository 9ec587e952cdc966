//! The check of tables that get a column.

use super::{
    following::copied,
    reader::{Reader, Stop},
    writes,
};
use crate::{
    kit::{
        bench::Bench,
        finding::Checked,
        state::{State, same},
    },
    model::ColumnType,
};

const COLUMN: &str = "added_by_kit";
const ADVICE: &str = "tell the new column before the first row that has it, also to an instance that \
                      goes on from before";

pub async fn new_column(bench: &mut Bench) -> Checked {
    let (start, state) = copied(bench).await?;
    writes::more(bench, 1).await?;
    let mut stream = Reader::open(bench).await?;
    let before = bench.expected().await?;
    let stops = stream.follow(&start, &mut state.clone(), &before, false).await?;
    let first = Stop { position: start, state, is_within: false };
    let last = stops.last().unwrap_or(&first);
    bench.alter(COLUMN, ColumnType::Bigint).await?;
    writes::more(bench, 2).await?;
    let expected = bench.expected().await?;
    stream.learn(bench);
    goes_on(&stream, last, &expected).await?;
    stream.close().await;
    for stop in [last, &first] {
        let another = Reader::open(bench).await?;
        goes_on(&another, stop, &expected).await?;
        another.close().await;
    }
    Ok(())
}

async fn goes_on(stream: &Reader, from: &Stop, expected: &State) -> Checked {
    let mut state = from.state.clone();
    for row in state.values_mut().flat_map(|rows| rows.values_mut()) {
        row.insert(COLUMN.to_owned(), None);
    }
    stream.follow(&from.position, &mut state, expected, false).await?;
    same(expected, &state, ADVICE)
}
