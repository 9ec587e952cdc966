//! Checks of a copy.

use std::collections::BTreeSet;

use super::{
    reader::{Reader, state_of},
    writes,
};
use crate::kit::{
    bench::Bench,
    finding::{Broken, Checked},
    state::{Key, State, same},
};

pub async fn snapshot(bench: &mut Bench) -> Checked {
    writes::first(bench).await?;
    let reader = Reader::open(bench).await?;
    let start = reader.position().await?;
    let seen = state_of(&reader.copy(&start).await?);
    reader.close().await;
    same(&bench.expected().await?, &seen, "look at how chunks are planned and where cursors go on")
}

pub async fn plan(bench: &mut Bench) -> Checked {
    writes::first(bench).await?;
    let (first, second) = (Reader::open(bench).await?, Reader::open(bench).await?);
    let start = first.position().await?;
    for table in bench.names() {
        let ids = |chunks: Vec<crate::model::Chunk>| -> Vec<String> {
            chunks.into_iter().map(|chunk| chunk.id).collect()
        };
        let one = ids(first.plan(&table, &start).await?);
        let other = ids(second.plan(&table, &start).await?);
        if one != other {
            let expected = format!("`{table}` is cut into {one:?} by each instance");
            let advice = "make the ids of chunks of the table and the start alone";
            return Err(Broken::new(&expected, &format!("{other:?} the second time"), advice));
        }
    }
    first.close().await;
    second.close().await;
    Ok(())
}

pub async fn resumed(bench: &mut Bench) -> Checked {
    writes::first(bench).await?;
    let reader = Reader::open(bench).await?;
    let start = reader.position().await?;
    let parts = reader.copy(&start).await?;
    reader.close().await;
    for part in parts {
        for (cursor, mut rows) in part.cuts {
            let reader = Reader::open(bench).await?;
            let rest = reader.read(&part.table, part.chunk.clone(), Some(cursor)).await?;
            reader.close().await;
            rows.extend(rest.rows);
            let of_part = |rows| State::from([(part.table.clone(), rows)]);
            let advice = "go on behind the cursor alone: an instance knows nothing of another one";
            same(&of_part(part.rows.clone()), &of_part(rows), advice)?;
        }
    }
    Ok(())
}

pub async fn disjoint(bench: &mut Bench) -> Checked {
    writes::first(bench).await?;
    let reader = Reader::open(bench).await?;
    let start = reader.position().await?;
    let parts = reader.copy(&start).await?;
    reader.close().await;
    let mut seen: BTreeSet<(&str, &Key)> = BTreeSet::new();
    for part in &parts {
        for key in part.rows.keys() {
            if !seen.insert((&part.table, key)) {
                let seen = format!("`{}` has the key {key:?} in two", part.table);
                let advice = "cut tables where no row is twice, or do not claim `disjoint-chunks`";
                return Err(Broken::new("no two chunks have a key in common", &seen, advice));
            }
        }
    }
    Ok(())
}

pub async fn exact(bench: &mut Bench) -> Checked {
    writes::first(bench).await?;
    let reader = Reader::open(bench).await?;
    let start = reader.position().await?;
    let expected = bench.expected().await?;
    writes::more(bench, 1).await?;
    let seen = state_of(&reader.copy(&start).await?);
    reader.close().await;
    same(
        &expected,
        &seen,
        "read the rows as they were at the start, or do not claim `exact-snapshot`",
    )
}
