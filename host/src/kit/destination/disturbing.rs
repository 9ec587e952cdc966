//! The check of connections that break between two batches.

use super::writer::{Writer, insert, marker, put};
use crate::{
    config::{KitAbility, KitTable},
    kit::{
        bench::Bench,
        disturbance,
        finding::Checked,
        state::{State, same},
    },
    model::Operation::Update,
};

pub async fn disturbed(bench: &mut Bench) -> Checked {
    for kind in disturbance::kinds(bench) {
        by(bench, kind).await?;
    }
    Ok(())
}

async fn by(bench: &mut Bench, kind: KitAbility) -> Checked {
    bench.reset().await?;
    let first = Writer::open(bench, "first").await?;
    let mut state = State::new();
    first.write(&mut state, |table| vec![insert(table, 1)]).await?;
    bench.disturb(kind).await?;
    let changes = |table: &KitTable| vec![insert(table, 2), put(Update, table, 1, 1)];
    if let Err(error) =
        first.send(first.request(changes, vec![marker("after", Some(b"it"))])?).await
    {
        disturbance::must_pass(kind, &error)?;
    }
    first.close().await;
    // Whether it was written or not, it comes again.
    let second = Writer::open(bench, "second").await?;
    second.write(&mut state, changes).await?;
    second.close().await;
    same(&state, &bench.read_all().await?, "keep what was committed, and nothing of what was not")
}
