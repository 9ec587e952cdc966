//! The dead letters, as they are read back and settled.

use cartridge_warp_sdk::sql::{LETTER_COLUMNS, LetterSql, LetterWords, page_of};
use cartridge_warp_sdk::{
    DeadLetter, Failure, KeptLetter, LetterFilter, LetterPage, Settlement, parse_timestamp,
};
use rusqlite::{Connection, Row, params_from_iter};

use crate::SqliteDestination;
use crate::failure;
use crate::metadata;
use crate::names::quoted;
use crate::text;

/// Letters above an id that match.
pub(crate) fn list(
    destination: &mut SqliteDestination,
    schema: &str,
    filter: &LetterFilter,
    after: u64,
    limit: usize,
    bytes_max: u64,
) -> Result<LetterPage, Failure> {
    let table = destination.names.dead_letters();
    let quoted = quoted(&table);
    let words = words(&quoted);
    let Some(database) = destination.session.existing()? else { return Ok(LetterPage::default()) };
    database.read(|connection| {
        if !metadata::has_table(connection, &table)? {
            return Ok(LetterPage::default());
        }
        let since = filter.since_us.map(moment);
        let sizes = words.sizes(schema, filter, since, after, limit);
        let sizes = query(connection, &sizes, |row| Ok((number(row, 0)?, number(row, 1)?)))?;
        let (ids, more) = page_of(&sizes, limit, bytes_max);
        let lacking = metadata::lacking(connection, &table)?;
        let columns = lacking
            .iter()
            .fold(LETTER_COLUMNS.to_owned(), |columns, lacking| columns.replace(lacking, "NULL"));
        let letters = query(connection, &words.those(schema, &columns, &ids), kept)?;
        Ok(LetterPage { letters, more })
    })
}

/// Open letters by table.
pub(crate) fn count_open(
    destination: &mut SqliteDestination,
    schema: &str,
) -> Result<Vec<(String, u64)>, Failure> {
    let table = destination.names.dead_letters();
    let open = words(&quoted(&table)).open(schema);
    let Some(database) = destination.session.existing()? else { return Ok(Vec::new()) };
    database.read(|connection| match metadata::has_table(connection, &table)? {
        true => query(connection, &open, |row| Ok((row.get(0)?, number(row, 1)?))),
        false => Ok(Vec::new()),
    })
}

/// Settles letters that are open.
pub(crate) fn settle(
    destination: &mut SqliteDestination,
    schema: &str,
    settlement: &Settlement,
) -> Result<u64, Failure> {
    let SqliteDestination { session, names, .. } = destination;
    let Some(database) = session.existing()? else { return Ok(0) };
    let LetterSql { text, values } =
        words(&quoted(&names.dead_letters())).settle(schema, settlement);
    database.transaction(|transaction| {
        let connection = transaction.connection;
        metadata::create(connection, names)?;
        let settled = connection.execute(&text, params_from_iter(values));
        settled.map(|letters| letters as u64).map_err(|error| failure::of(&error))
    })
}

pub(crate) fn words(table: &str) -> LetterWords<'_> {
    LetterWords { table, parameter: "?", bytes: ("length(CAST(", " AS BLOB))"), time: ("", "") }
}

fn query<T>(
    connection: &Connection,
    sql: &LetterSql,
    of: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare(&sql.text)?;
    statement.query_map(params_from_iter(&sql.values), of)?.collect()
}

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptLetter> {
    let time = |at: usize| {
        let text: String = row.get(at)?;
        // A person may have written anything there.
        Ok::<_, rusqlite::Error>(parse_timestamp(&text).unwrap_or_default().0)
    };
    Ok(KeptLetter {
        id: number(row, 0)?,
        letter: DeadLetter {
            table: row.get(1)?,
            operation: row.get(2)?,
            payload: row.get(3)?,
            code: row.get(4)?,
            message: row.get(5)?,
            origin: row.get(6)?,
            key: row.get(12)?,
        },
        count: number(row, 7)?,
        status: row.get(8)?,
        resolution: row.get(9)?,
        first_seen_us: time(10)?,
        last_seen_us: time(11)?,
    })
}

fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(at)?;
    let wrong = |_| rusqlite::Error::IntegralValueOutOfRange(at, number);
    u64::try_from(number).map_err(wrong)
}

/// A time as the metadata keeps it.
fn moment(micros: i64) -> String {
    let mut out = String::new();
    text::timestamp(&mut out, micros);
    out.push('Z');
    out
}
