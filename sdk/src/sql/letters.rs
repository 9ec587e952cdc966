//! What a destination on an SQL database asks of its dead letters.
//!
//! The questions are the same for all; a database says how it spells a parameter and a time. Letters are listed in
//! two steps, since a thousand of them may be larger than a connector's memory: first how large they are, then
//! those that fit.

use std::fmt::Write;

use super::metadata::OPEN_LETTERS;
use crate::{LetterFilter, Settlement};

/// How a database spells what letters are asked by.
#[derive(Debug, Clone, Copy)]
pub struct LetterWords<'a> {
    /// The table of dead letters, ready for SQL.
    pub table: &'a str,
    /// What a parameter begins with, before its number.
    pub parameter: &'a str,
    /// A text's length in bytes: the words before and behind its name.
    pub bytes: (&'a str, &'a str),
    /// A parameter that is a time: the words before and behind it.
    pub time: (&'a str, &'a str),
}

/// SQL, and the texts that are its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterSql {
    /// The statement.
    pub text: String,
    /// Its parameters in order.
    pub values: Vec<String>,
}

/// The columns of [`LetterWords::those`], but for its two times.
pub const LETTER_COLUMNS: &str = "id, table_name, operation, payload, error_code, error_message, origin, count, \
                                  status, resolution, created_at, last_seen_at, row_key";

/// Columns that a table from an older release of the connector may lack, which is brought up to date when
/// somebody writes.
pub const LETTER_COLUMNS_ADDED: [&str; 2] = ["resolution", "row_key"];

impl LetterWords<'_> {
    /// Ids and sizes of the letters above `after`, one more than `limit`. `since` is the filter's time as
    /// the database spells it.
    pub fn sizes(
        &self,
        schema: &str,
        filter: &LetterFilter,
        since: Option<String>,
        after: u64,
        limit: usize,
    ) -> LetterSql {
        let (before, behind) = self.bytes;
        let mut sql = self.of_schema(&format!("SELECT id, {before}payload{behind}"), schema);
        let _ = write!(sql.text, " AND id > {after}");
        if !filter.ids.is_empty() {
            let _ = write!(sql.text, " AND {}", is_one_of(&filter.ids));
        }
        if let Some(table) = &filter.table {
            self.compare(&mut sql, "table_name =", table.clone(), ("", ""));
        }
        if let Some(code) = &filter.code {
            self.compare(&mut sql, "error_code =", code.clone(), ("", ""));
        }
        match filter.status.as_deref() {
            None => {}
            Some("open") => sql.text.push_str(&format!(" AND {OPEN_LETTERS}")),
            Some(status) => self.compare(&mut sql, "status =", status.to_owned(), ("", "")),
        }
        if let Some(since) = since {
            self.compare(&mut sql, "last_seen_at >=", since, self.time);
        }
        let _ = write!(sql.text, " ORDER BY id LIMIT {}", limit.saturating_add(1));
        sql
    }

    /// The letters of these ids; `columns` are [`LETTER_COLUMNS`] as the database spells them.
    pub fn those(&self, schema: &str, columns: &str, ids: &[u64]) -> LetterSql {
        let mut sql = self.of_schema(&format!("SELECT {columns}"), schema);
        let _ = write!(sql.text, " AND {} ORDER BY id", is_one_of(ids));
        sql
    }

    /// Open letters by table.
    pub fn open(&self, schema: &str) -> LetterSql {
        let mut sql = self.of_schema("SELECT table_name, count(*)", schema);
        let _ = write!(sql.text, " AND {OPEN_LETTERS} GROUP BY table_name ORDER BY table_name");
        sql
    }

    /// Settles those that are open.
    pub fn settle(&self, schema: &str, settlement: &Settlement) -> LetterSql {
        let Settlement { ids, status, resolution } = settlement;
        let parameter = |number: usize| format!("{}{number}", self.parameter);
        let text = format!(
            "UPDATE {} SET status = {}, resolution = {} WHERE schema_name = {} AND {} AND {OPEN_LETTERS}",
            self.table,
            parameter(1),
            parameter(2),
            parameter(3),
            is_one_of(ids)
        );
        LetterSql { text, values: vec![status.clone(), resolution.clone(), schema.to_owned()] }
    }

    /// The one of those that are tried again which a row is that was refused again, as a condition: they are
    /// settled by then. The parameters are numbered schema, table, key and how they were settled.
    pub fn tried_again(&self, ids: &[u64], [schema, table, key, resolution]: [usize; 4]) -> String {
        let Self { table: letters, parameter, .. } = self;
        format!(
            "id = (SELECT max(id) FROM {letters} WHERE {} AND schema_name = {parameter}{schema} \
             AND table_name = {parameter}{table} AND row_key = {parameter}{key} \
             AND status = 'resolved' AND resolution = {parameter}{resolution})",
            is_one_of(ids)
        )
    }

    fn of_schema(&self, what: &str, schema: &str) -> LetterSql {
        let text = format!("{what} FROM {} WHERE schema_name = {}1", self.table, self.parameter);
        LetterSql { text, values: vec![schema.to_owned()] }
    }

    fn compare(
        &self,
        sql: &mut LetterSql,
        what: &str,
        value: String,
        (before, behind): (&str, &str),
    ) {
        sql.values.push(value);
        let (parameter, number) = (self.parameter, sql.values.len());
        let _ = write!(sql.text, " AND {what} ({before}{parameter}{number}{behind})");
    }
}

fn is_one_of(ids: &[u64]) -> String {
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    // No letter has the id 0.
    format!("id IN ({})", if ids.is_empty() { "0".to_owned() } else { ids.join(", ") })
}

/// Which of the letters go into a page, and whether there are more: `sizes` are ids and bytes, one more
/// than `limit` where there are more.
pub fn page_of(sizes: &[(u64, u64)], limit: usize, bytes_max: u64) -> (Vec<u64>, bool) {
    let mut bytes = 0_u64;
    let fits = |(_, size): &&(u64, u64)| {
        let has_room = bytes < bytes_max;
        bytes = bytes.saturating_add(*size);
        has_room
    };
    let ids: Vec<u64> = sizes.iter().take(limit).take_while(fits).map(|(id, _)| *id).collect();
    let more = ids.len() < sizes.len();
    (ids, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_bounded_by_letters_and_by_bytes() {
        let sizes = [(1, 10), (2, 10), (7, 10)];
        for (limit, bytes_max, ids, more) in [
            (3, 1000, &[1, 2, 7][..], false),
            (2, 1000, &[1, 2], true),
            (3, 10, &[1], true),
            (3, 11, &[1, 2], true),
            (3, 1, &[1], true),
        ] {
            assert_eq!(
                page_of(&sizes, limit, bytes_max),
                (ids.to_vec(), more),
                "{limit} {bytes_max}"
            );
        }
        assert_eq!(page_of(&[], 5, 5), (Vec::new(), false));
    }
}
