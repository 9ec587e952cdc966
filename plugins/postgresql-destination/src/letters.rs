//! The dead letters, as they are read back and settled.

use cartridge_warp_sdk::sql::{LETTER_COLUMNS, LetterSql, LetterWords, page_of};
use cartridge_warp_sdk::{DeadLetter, Failure, KeptLetter, LetterFilter, LetterPage, Settlement};
use postgresql_client::tokio_postgres::Row;
use postgresql_client::tokio_postgres::types::{FromSql, ToSql};

use crate::PostgresqlDestination;
use crate::metadata::{has_table, lacking};
use crate::names::Names;
use crate::refusal::Refusal;

/// Letters above an id that match.
pub(crate) fn list(
    destination: &mut PostgresqlDestination,
    schema: &str,
    filter: &LetterFilter,
    after: u64,
    limit: usize,
    bytes_max: u64,
) -> Result<LetterPage, Failure> {
    let words = words(&destination.names);
    if !has_table(&destination.session, words.table)? {
        return Ok(LetterPage::default());
    }
    let lacking = lacking(&destination.session, words.table)?;
    let since = filter.since_us.map(|micros| micros.to_string());
    let sizes = destination.ask(&words.sizes(schema, filter, since, after, limit))?;
    let size = |row: &Row| Ok((number(row, 0)?, number(row, 1)?));
    let sizes = sizes.iter().map(size).collect::<Result<Vec<_>, Failure>>()?;
    let (ids, more) = page_of(&sizes, limit, bytes_max);
    let letters = destination.ask(&words.those(schema, &columns(&lacking), &ids))?;
    let letters = letters.iter().map(kept).collect::<Result<_, Failure>>()?;
    Ok(LetterPage { letters, more })
}

/// Open letters by table.
pub(crate) fn count_open(
    destination: &mut PostgresqlDestination,
    schema: &str,
) -> Result<Vec<(String, u64)>, Failure> {
    let open = words(&destination.names).open(schema);
    if !destination.session.knows(&open.text)
        && !has_table(&destination.session, &destination.names.dead_letters)?
    {
        return Ok(Vec::new());
    }
    let rows = destination.ask(&open)?;
    rows.iter().map(|row| Ok((field(row, 0)?, number(row, 1)?))).collect()
}

/// Settles letters that are open.
pub(crate) fn settle(
    destination: &mut PostgresqlDestination,
    schema: &str,
    settlement: &Settlement,
) -> Result<u64, Failure> {
    if !has_table(&destination.session, &destination.names.dead_letters)? {
        return Ok(0);
    }
    let LetterSql { text, values } = words(&destination.names).settle(schema, settlement);
    let values = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    let counts = destination.session.counts(&[(&text, values)])?;
    Ok(counts.iter().sum())
}

impl PostgresqlDestination {
    fn ask(&self, LetterSql { text, values }: &LetterSql) -> Result<Vec<Row>, Refusal> {
        let values: Vec<_> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        self.session.query(text, &values)
    }
}

pub(crate) fn words(names: &Names) -> LetterWords<'_> {
    LetterWords {
        table: &names.dead_letters,
        parameter: "$",
        bytes: ("octet_length(", ")::bigint"),
        time: ("timestamptz 'epoch' + ", "::text::bigint * interval '1 microsecond'"),
    }
}

/// [`LETTER_COLUMNS`] with times as microseconds since 1970, and nothing for what the table lacks.
fn columns(lacking: &[&str]) -> String {
    let columns = lacking
        .iter()
        .fold(LETTER_COLUMNS.to_owned(), |columns, lacking| columns.replace(lacking, "NULL::text"));
    ["created_at", "last_seen_at"].iter().fold(columns, |columns, time| {
        columns.replace(time, &format!("(extract(epoch FROM {time}) * 1000000)::bigint"))
    })
}

fn kept(row: &Row) -> Result<KeptLetter, Failure> {
    Ok(KeptLetter {
        id: number(row, 0)?,
        letter: DeadLetter {
            table: field(row, 1)?,
            operation: field(row, 2)?,
            payload: field(row, 3)?,
            code: field(row, 4)?,
            message: field(row, 5)?,
            origin: field(row, 6)?,
            key: field(row, 12)?,
        },
        count: number(row, 7)?,
        status: field(row, 8)?,
        resolution: field(row, 9)?,
        first_seen_us: field(row, 10)?,
        last_seen_us: field(row, 11)?,
    })
}

fn field<'r, T: FromSql<'r>>(row: &'r Row, at: usize) -> Result<T, Failure> {
    let damaged = |_| cartridge_warp_sdk::sql::damaged("a dead letter has fields of other types");
    row.try_get(at).map_err(damaged)
}

fn number(row: &Row, at: usize) -> Result<u64, Failure> {
    let number: i64 = field(row, at)?;
    u64::try_from(number).map_err(|_| cartridge_warp_sdk::sql::damaged("a number is negative"))
}
