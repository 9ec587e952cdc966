//! Checks of claims: of two runs that think the schema is theirs, only the later one writes.

use super::writer::{Writer, insert, marker};
use crate::{
    config::KitTable,
    kit::{
        bench::Bench,
        finding::{Broken, Checked},
        state::{State, same},
    },
    plugin::PluginError,
};

pub async fn fence(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let old = Writer::open(bench, "first").await?;
    let mut state = State::new();
    old.write(&mut state, |table| vec![insert(table, 1)]).await?;
    let new = Writer::open(bench, "second").await?;
    if new.epoch <= old.epoch {
        let seen = format!("{} after {}", new.epoch, old.epoch);
        let advice = "raise a number that is stored beside the markers with each claim";
        return Err(Broken::new("each claim has a larger epoch", &seen, advice));
    }
    let schema = &bench.case.schema;
    let rows = |table: &KitTable| vec![insert(table, 2)];
    let late = old.request(rows, vec![marker("late", Some(b"late"))])?;
    must_be_fenced("write-batch", old.send(late).await)?;
    let late = vec![marker("late", Some(b"late"))];
    must_be_fenced("update-marker", old.connection.update_marker(schema, late, old.epoch).await)?;
    must_be_fenced("create-table-if-not-exists", old.make_tables().await)?;
    if new.marker("late").await?.is_some() {
        let advice = "look at the epoch in the transaction that writes";
        return Err(Broken::new("a call that is fenced writes no marker", "it is there", advice));
    }
    same(&state, &bench.read_all().await?, "look at the epoch in the transaction that writes")?;
    new.write(&mut state, |table| vec![insert(table, 3)]).await?;
    old.close().await;
    new.close().await;
    same(&state, &bench.read_all().await?, "let the latest claim write")
}

fn must_be_fenced<T>(call: &str, answer: Result<T, PluginError>) -> Checked {
    let expected = format!("{call} under an older epoch is a failure `fenced`");
    let advice = "compare the request's epoch with the stored one before anything is written";
    match answer {
        Err(error) if error.is_fenced() => Ok(()),
        Err(error) => Err(Broken::new(&expected, &error.cause.to_string(), advice)),
        Ok(_) => Err(Broken::new(&expected, "it does its work", advice)),
    }
}
