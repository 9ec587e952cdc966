//! The check of connections that break while a stream is followed.

use super::{
    following::copied,
    reader::{LIMITS, Reader},
    writes,
};
use crate::{
    config::KitAbility,
    kit::{bench::Bench, disturbance, finding::Checked, state::same},
};

pub async fn disturbed(bench: &mut Bench) -> Checked {
    for kind in disturbance::kinds(bench) {
        by(bench, kind).await?;
    }
    Ok(())
}

async fn by(bench: &mut Bench, kind: KitAbility) -> Checked {
    let (start, mut state) = copied(bench).await?;
    writes::more(bench, 1).await?;
    let schema = bench.case.schema.clone();
    let stream = Reader::open(bench).await?;
    let first = stream.connection.get_changes(&schema, &start, LIMITS).await?;
    stream.take(&first, &mut state)?;
    let mut position = first.position;
    bench.disturb(kind).await?;
    match stream.connection.get_changes(&schema, &position, LIMITS).await {
        Ok(next) => {
            stream.take(&next, &mut state)?;
            position = next.position;
        }
        Err(error) => disturbance::must_pass(kind, &error)?,
    }
    stream.close().await;
    writes::more(bench, 2).await?;
    let expected = bench.expected().await?;
    let another = Reader::open(bench).await?;
    another.follow(&position, &mut state, &expected, true).await?;
    another.close().await;
    same(&expected, &state, "go on behind the position, whatever became of an earlier connection")
}
