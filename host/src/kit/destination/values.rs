//! Checks of what rows come to.

use super::writer::{Writer, delete, insert, put, touch};
use crate::{
    config::KitTable,
    kit::{
        bench::Bench,
        finding::Checked,
        state::{Change, State, same},
        values::Row,
    },
    model::Operation::{Insert, Truncate, Update},
};

/// Rows with which each column meets each of its edges.
const ROWS: usize = 12;

pub async fn create_table(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let writer = Writer::open(bench, "first").await?;
    writer.make_tables().await?;
    let mut state = State::new();
    same(&state, &bench.read_all().await?, "leave a table that was made just now empty")?;
    writer.write(&mut state, |table| vec![insert(table, 1)]).await?;
    writer.make_tables().await?;
    writer.close().await;
    same(&state, &bench.read_all().await?, "keep a table that is there, with its rows")
}

pub async fn edges(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let writer = Writer::open(bench, "first").await?;
    let mut state = State::new();
    writer.write(&mut state, |table| (1..=ROWS).map(|n| insert(table, n)).collect()).await?;
    same(
        &state,
        &bench.read_all().await?,
        "look at how the type is written, or how the driver reads it",
    )?;
    let updates = |table: &KitTable| (1..=ROWS).map(|n| put(Update, table, n, 1)).collect();
    writer.write(&mut state, updates).await?;
    writer.close().await;
    same(&state, &bench.read_all().await?, "write a value of an update as one of an insert")
}

pub async fn order(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let writer = Writer::open(bench, "first").await?;
    let mut state = State::new();
    let changes = |table: &KitTable| {
        vec![
            insert(table, 1),
            put(Update, table, 1, 1),
            insert(table, 2),
            delete(table, 2),
            insert(table, 3),
            delete(table, 3),
            put(Insert, table, 3, 2),
            put(Update, table, 1, 2),
        ]
    };
    writer.write(&mut state, changes).await?;
    writer.close().await;
    same(&state, &bench.read_all().await?, "keep the order of the changes of a key")
}

pub async fn deletes(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let writer = Writer::open(bench, "first").await?;
    let mut state = State::new();
    writer.write(&mut state, |table| (1..=3).map(|n| insert(table, n)).collect()).await?;
    writer.write(&mut state, |table| vec![delete(table, 2), delete(table, 9)]).await?;
    writer.close().await;
    same(&state, &bench.read_all().await?, "end the row that has the key, and none else")
}

pub async fn unchanged(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let writer = Writer::open(bench, "first").await?;
    let mut state = State::new();
    writer.write(&mut state, |table| (1..=4).map(|n| insert(table, n)).collect()).await?;
    // All values are left out, one is, one is NULL.
    let changes = |table: &KitTable| {
        let mut one = put(Update, table, 2, 1);
        let mut null = put(Update, table, 3, 1);
        if let Some(column) = free_column(table) {
            one.row.remove(&column);
            null.row.insert(column, None);
        }
        vec![touch(table, 1), one, null]
    };
    writer.write(&mut state, changes).await?;
    writer.close().await;
    let advice = "`_unchanged` marks what keeps its value; a null that it does not mark is NULL";
    same(&state, &bench.read_all().await?, advice)
}

pub async fn truncate(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let writer = Writer::open(bench, "first").await?;
    let mut state = State::new();
    writer.write(&mut state, |table| vec![insert(table, 1), insert(table, 2)]).await?;
    let empties = || Change { operation: Truncate, row: Row::new() };
    let changes = |table: &KitTable| vec![insert(table, 3), empties(), insert(table, 4)];
    writer.write(&mut state, changes).await?;
    writer.close().await;
    same(
        &state,
        &bench.read_all().await?,
        "empty the table where the truncate stands, not before or after",
    )
}

/// A column that is not the key's.
fn free_column(table: &KitTable) -> Option<String> {
    table.columns.keys().find(|column| !table.key.contains(column)).cloned()
}
