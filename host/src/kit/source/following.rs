//! Checks of the change stream.

use std::time::{Duration, Instant};

use super::{
    reader::{LIMITS, Reader, Stop, WAIT, state_of},
    writes,
};
use crate::{
    kit::{
        bench::Bench,
        finding::{Broken, Checked},
        state::{State, same},
    },
    model::Position,
};

/// Positions from which a stream is followed again: as many, spread over all.
const STOPS_MAX: usize = 12;
/// How much longer than it may wait an answer without changes may take.
const LATE: Duration = Duration::from_secs(2);

/// A copy, and where the stream behind it starts.
pub async fn copied(bench: &mut Bench) -> Checked<(Position, State)> {
    writes::first(bench).await?;
    let reader = Reader::open(bench).await?;
    let start = reader.position().await?;
    let state = state_of(&reader.copy(&start).await?);
    reader.close().await;
    Ok((start, state))
}

pub async fn overlap(bench: &mut Bench) -> Checked {
    writes::first(bench).await?;
    let reader = Reader::open(bench).await?;
    let start = reader.position().await?;
    writes::more(bench, 1).await?;
    let mut plans = Vec::new();
    for table in bench.names() {
        plans.push((reader.plan(&table, &start).await?, table));
    }
    writes::more(bench, 2).await?;
    let mut parts = Vec::new();
    for (chunks, table) in plans {
        for chunk in chunks {
            parts.push(reader.read(&table, chunk, None).await?);
        }
    }
    let mut state = state_of(&parts);
    let expected = bench.expected().await?;
    let stream = Reader::open(bench).await?;
    stream.follow(&start, &mut state, &expected, true).await?;
    stream.close().await;
    reader.close().await;
    same(
        &expected,
        &state,
        "tell every change since `current-position`, also what the copy has already",
    )
}

pub async fn changes(bench: &mut Bench) -> Checked {
    let (start, mut state) = copied(bench).await?;
    let stream = Reader::open(bench).await?;
    writes::more(bench, 1).await?;
    let expected = bench.expected().await?;
    stream.follow(&start, &mut state, &expected, true).await?;
    stream.close().await;
    same(&expected, &state, "look at which change is missing, doubled, or out of order")
}

pub async fn resumed(bench: &mut Bench) -> Checked {
    let (start, state) = copied(bench).await?;
    writes::more(bench, 1).await?;
    writes::more(bench, 2).await?;
    let expected = bench.expected().await?;
    let stream = Reader::open(bench).await?;
    let mut stops = stream.follow(&start, &mut state.clone(), &expected, false).await?;
    stream.close().await;
    stops.insert(0, Stop { position: start, state, is_within: false });
    let step = stops.len().div_ceil(STOPS_MAX);
    for stop in stops.iter().step_by(step) {
        for _ in 0..2 {
            let stream = Reader::open(bench).await?;
            let mut state = stop.state.clone();
            stream.follow(&stop.position, &mut state, &expected, false).await?;
            stream.close().await;
            same(
                &expected,
                &state,
                "go on behind the position alone: an instance knows nothing of others",
            )?;
        }
    }
    Ok(())
}

pub async fn withheld(bench: &mut Bench) -> Checked {
    let (start, mut state) = copied(bench).await?;
    let stream = Reader::open(bench).await?;
    for round in 1..=3 {
        writes::more(bench, round).await?;
    }
    let expected = bench.expected().await?;
    stream.follow(&start, &mut state, &expected, false).await?;
    stream.close().await;
    same(&expected, &state, "tell changes without waiting for a confirm: a commit may take long")
}

pub async fn confirmed(bench: &mut Bench) -> Checked {
    let (start, mut state) = copied(bench).await?;
    writes::more(bench, 1).await?;
    let expected = bench.expected().await?;
    let stream = Reader::open(bench).await?;
    let stops = stream.follow(&start, &mut state, &expected, true).await?;
    stream.close().await;
    let last = stops.last().map_or(start, |stop| stop.position.clone());
    writes::more(bench, 2).await?;
    let expected = bench.expected().await?;
    let stream = Reader::open(bench).await?;
    stream.connection.confirm(&bench.case.schema, &last).await?;
    stream.connection.check_position(&bench.case.schema, &last).await?;
    stream.follow(&last, &mut state, &expected, true).await?;
    stream.close().await;
    same(&expected, &state, "forget what was confirmed, and nothing behind it")
}

pub async fn idle(bench: &mut Bench) -> Checked {
    let (start, mut state) = copied(bench).await?;
    let expected = bench.expected().await?;
    let stream = Reader::open(bench).await?;
    let stops = stream.follow(&start, &mut state, &expected, true).await?;
    let mut position = stops.last().map_or(start, |stop| stop.position.clone());
    for _ in 0..3 {
        let asked = Instant::now();
        let answer = stream.connection.get_changes(&bench.case.schema, &position, LIMITS).await?;
        let took = asked.elapsed();
        if took > WAIT + LATE {
            let expected = format!("an answer without changes within {WAIT:?} and a little more");
            let seen = format!("it took {took:?}");
            return Err(Broken::new(&expected, &seen, "wait no longer than `limits.wait-ms`"));
        }
        position = answer.position;
    }
    writes::more(bench, 1).await?;
    let expected = bench.expected().await?;
    stream.follow(&position, &mut state, &expected, true).await?;
    stream.close().await;
    same(&expected, &state, "let no change be passed over by the position of an empty answer")
}
