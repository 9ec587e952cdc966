//! What a table has beside its columns and its key: indexes and comments.
//!
//! Told is what means the same in another database: an index over whole columns of all rows, in the order of their
//! values. All else is named, so that nobody believes that it was copied.

use cartridge_warp_sdk::naming::{NAME_BYTES_MAX, fitting};
use cartridge_warp_sdk::{Failure, IndexColumn, TableExtras, TableIndex};
use postgresql_client::tokio_postgres::SimpleQueryRow;

use super::tables::SourceTable;
use crate::session::{Session, flag, number, text};

/// Bytes of a comment, as the contract has it; what is longer is cut.
const COMMENT_BYTES_MAX: usize = 8 * 1024;
/// Indexes that are told, and things that are not, as the contract has it.
const THINGS_MAX: usize = 1_000;

/// Reads them, as of now.
pub fn read(session: &Session, table: &SourceTable) -> Result<TableExtras, Failure> {
    let mut extras = TableExtras::default();
    let rows = session.rows(&indexes_sql(table.oid))?;
    // A row for each column of an index.
    for of_index in rows.chunk_by(|one, other| one.get(0) == other.get(0)) {
        let name = text(&of_index[0], 1)?;
        match index(table, name, of_index)? {
            Ok(index) if is_key(table, &index) => {}
            Ok(index) if extras.indexes.len() < THINGS_MAX => extras.indexes.push(index),
            Ok(_) => extras.untold.push(format!("index {name}: the table has too many")),
            Err(why) => extras.untold.push(format!("index {name}: {why}")),
        }
    }
    extras.untold.truncate(THINGS_MAX);
    let comments = format!(
        "SELECT objsubid, description FROM pg_description
         WHERE objoid = {} AND classoid = 'pg_class'::regclass ORDER BY objsubid",
        table.oid
    );
    for row in session.rows(&comments)? {
        let (place, comment): (i16, &str) = (number(&row, 0)?, text(&row, 1)?);
        let end = (0..=COMMENT_BYTES_MAX.min(comment.len())).rev();
        let end = end.into_iter().find(|end| comment.is_char_boundary(*end)).unwrap_or(0);
        let comment = comment[..end].to_owned();
        if place == 0 {
            extras.comment = Some(comment);
        } else if let Some(column) = column_at(table, place) {
            extras.column_comments.push((column.to_owned(), comment));
        }
    }
    Ok(extras)
}

/// Of an index that a constraint of another kind stands on, the constraint is not told.
fn indexes_sql(oid: u32) -> String {
    format!(
        "SELECT i.indexrelid, x.relname, i.indisunique, k.number, \
             i.indoption[(k.at - 1)::int], \
             CASE WHEN m.amname <> 'btree' THEN 'it is of another kind (' || m.amname || ')' \
                 WHEN i.indexprs IS NOT NULL THEN 'it is over an expression' \
                 WHEN i.indpred IS NOT NULL THEN 'it is over a part of the rows' \
                 WHEN k.number = 0 OR NOT o.opcdefault \
                     OR i.indcollation[(k.at - 1)::int] NOT IN (0, a.attcollation) \
                     THEN 'it has another order than its values' \
                 ELSE '' END \
         FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam \
         CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, at) \
         LEFT JOIN pg_opclass o ON o.oid = i.indclass[(k.at - 1)::int] \
         LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
         WHERE i.indrelid = {oid} AND i.indisvalid AND NOT i.indisprimary AND k.at <= i.indnkeyatts \
         ORDER BY x.relname, i.indexrelid, k.at"
    )
}

/// An index, or why it cannot be told.
fn index(
    table: &SourceTable,
    name: &str,
    rows: &[SimpleQueryRow],
) -> Result<Result<TableIndex, String>, Failure> {
    let mut index =
        TableIndex { name: fitting(name, NAME_BYTES_MAX).into_owned(), ..TableIndex::default() };
    for row in rows {
        let why = text(row, 5)?;
        if !why.is_empty() {
            return Ok(Err(why.to_owned()));
        }
        let (place, options): (i16, u8) = (number(row, 3)?, number(row, 4)?);
        let Some(column) = column_at(table, place) else {
            return Ok(Err("it is over a column that does not travel".to_owned()));
        };
        index.unique = flag(row, 2)?;
        index.columns.push(IndexColumn {
            name: column.to_owned(),
            descending: options & 1 != 0,
            nulls_first: options & 2 != 0,
        });
    }
    Ok(Ok(index))
}

/// Whether it is over the columns that are the table's key for the log; the destination has one of those.
fn is_key(table: &SourceTable, index: &TableIndex) -> bool {
    let is_plain = |column: &IndexColumn| !column.descending && !column.nulls_first;
    index.columns.iter().all(is_plain)
        && index.columns.iter().map(|column| &column.name).eq(&table.shape.key)
}

fn column_at(table: &SourceTable, place: i16) -> Option<&str> {
    let found = table.columns.iter().find(|column| column.number == place)?;
    Some(&found.column.name)
}
