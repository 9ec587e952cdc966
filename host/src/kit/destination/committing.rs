//! Checks of what is committed together, and what a batch that cannot be written leaves.

use super::writer::{Writer, insert, marker, put, touch};
use crate::{
    config::KitTable,
    kit::{
        bench::Bench,
        finding::{Broken, Checked},
        state::{Change, State, same},
    },
    model::Operation::Update,
};

/// A stream of the host's, as long as some of them are.
const STREAM: &str = "chunk/a table/1:2:3";
const VALUE: &[u8] = b"\x00\xffa position\n";

pub async fn redelivery(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let writer = Writer::open(bench, "first").await?;
    let changes = |table: &KitTable| {
        vec![
            insert(table, 1),
            insert(table, 2),
            put(Update, table, 1, 1),
            super::writer::delete(table, 2),
        ]
    };
    let mut state = State::new();
    writer.write(&mut state, changes).await?;
    writer.close().await;
    // As after a crash: by another instance, under another claim.
    let writer = Writer::open(bench, "second").await?;
    writer.write(&mut state, changes).await?;
    writer.close().await;
    same(&state, &bench.read_all().await?, "write rows by their keys, so that they may come again")
}

pub async fn markers(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let first = Writer::open(bench, "first").await?;
    must_be(&first, STREAM, None, "has no marker that nobody wrote").await?;
    let rows = |table: &KitTable| vec![insert(table, 1)];
    let markers = vec![marker(STREAM, Some(VALUE)), marker("other", Some(b""))];
    first.send(first.request(rows, markers)?).await?;
    first.close().await;
    let second = Writer::open(bench, "second").await?;
    must_be(&second, STREAM, Some(VALUE), "keeps the marker that came with rows").await?;
    must_be(&second, "other", Some(b""), "keeps an empty marker apart from none").await?;
    let mut state = State::new();
    second.expect(&mut state, rows)?;
    same(&state, &bench.read_all().await?, "commit rows with their markers")?;
    let gone = vec![marker(STREAM, None)];
    second.connection.update_marker(&bench.case.schema, gone, second.epoch).await?;
    second.close().await;
    let third = Writer::open(bench, "third").await?;
    must_be(&third, STREAM, None, "has no marker any more that was deleted").await?;
    must_be(&third, "other", Some(b""), "keeps the markers beside one that is deleted").await?;
    third.close().await;
    Ok(())
}

/// Rows of which the second cannot be written: it leaves out values, and there is no row that has them.
fn with_refused(table: &KitTable) -> Vec<Change> {
    vec![insert(table, 5), touch(table, 99), insert(table, 6)]
}

pub async fn refused_row(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let writer = Writer::open(bench, "first").await?;
    let mut state = State::new();
    writer.write(&mut state, |table| vec![insert(table, 1)]).await?;
    let mut request = writer.request(with_refused, vec![marker(STREAM, Some(VALUE))])?;
    request.dead_letter_rejected = false;
    let expected = "the batch is answered with a failure `row-rejected`";
    let advice =
        "with `dead-letter-rejected` false roll the transaction back and say which row it was";
    match writer.send(request).await {
        Err(error) if error.is_refused_row() => {}
        Err(error) => return Err(Broken::new(expected, &error.cause.to_string(), advice)),
        Ok(outcome) => {
            let seen = format!("it says that {} rows are written", outcome.rows_written);
            return Err(Broken::new(expected, &seen, advice));
        }
    }
    same(&state, &bench.read_all().await?, "write nothing of a batch that is refused")?;
    must_be(&writer, STREAM, None, "writes no marker of a batch that is refused").await?;
    writer.close().await;
    Ok(())
}

pub async fn dead_letters(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let writer = Writer::open(bench, "first").await?;
    let request = writer.request(with_refused, vec![marker(STREAM, Some(VALUE))])?;
    let outcome = writer.send(request).await?;
    let refused: Vec<(usize, usize)> =
        outcome.rejected.iter().map(|rejected| (rejected.batch, rejected.row)).collect();
    let expected: Vec<(usize, usize)> =
        (0..bench.case.tables.len()).map(|batch| (batch, 1)).collect();
    if refused != expected {
        let expected = format!("the rows (batch, row) {expected:?} are said to be refused");
        let advice = "say of each row that became a dead letter where it was in the request";
        return Err(Broken::new(&expected, &format!("{refused:?} are"), advice));
    }
    let mut state = State::new();
    writer.expect(&mut state, |table| vec![insert(table, 5), insert(table, 6)])?;
    same(&state, &bench.read_all().await?, "write the rows beside one that became a dead letter")?;
    must_be(&writer, STREAM, Some(VALUE), "commits the markers of a batch with dead letters")
        .await?;
    writer.close().await;
    Ok(())
}

pub async fn clear_tables(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let writer = Writer::open(bench, "first").await?;
    let mut state = State::new();
    writer.write(&mut state, |table| vec![insert(table, 1), insert(table, 2)]).await?;
    let Some(cleared) = bench.names().into_iter().next() else { return Ok(()) };
    let rows = |table: &KitTable| vec![insert(table, 3)];
    let mut request = writer.request(rows, Vec::new())?;
    request.clear_tables = vec![cleared.clone()];
    writer.send(request).await?;
    writer.close().await;
    state.remove(&cleared);
    let writer = Writer::open(bench, "second").await?;
    writer.expect(&mut state, rows)?;
    writer.close().await;
    same(&state, &bench.read_all().await?, "empty `clear-tables` first, and write the rows then")
}

async fn must_be(writer: &Writer, stream: &str, value: Option<&[u8]>, what: &str) -> Checked {
    let found = writer.marker(stream).await?;
    if found.as_deref() == value {
        return Ok(());
    }
    let shown = |value: Option<&[u8]>| match value {
        Some(value) => format!("`{}`", value.escape_ascii()),
        None => "none".to_owned(),
    };
    let expected = format!("it {what}: `{stream}` is {}", shown(value));
    let advice = "commit markers in the transaction of the rows they come with";
    Err(Broken::new(&expected, &format!("it is {}", shown(found.as_deref())), advice))
}
