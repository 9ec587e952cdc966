//! The statements that apply rows.
//!
//! One statement per kind of row and set of columns. Parameters are the columns in the given order,
//! then [`Extra`] values.

use cartridge_warp_sdk::sql::{CREATED_AT, OP, SEQ, TS, Table, UNCHANGED, UPDATED_AT, VERSION};

use crate::names::quoted;

/// A parameter that is not a column of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    /// The row's commit time in the source.
    Timestamp,
    /// The row's commit time in the source, or else the present time.
    TimestampOrNow,
    /// The present time.
    Now,
    /// The operation's word.
    Operation,
    /// JSON names of the columns that the source did not send.
    Unchanged,
    /// The row's number.
    Number,
}

/// SQL and what has to be bound after the columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) extras: Vec<Extra>,
}

/// A new row in append mode.
pub(crate) fn append(table: &Table, columns: &[&str]) -> Sql {
    let mut insert = Insert::new(columns);
    insert.bind(OP, Extra::Operation);
    insert.bind(TS, Extra::Timestamp);
    insert.bind(UNCHANGED, Extra::Unchanged);
    insert.bind(SEQ, Extra::Number);
    Sql { text: insert.text(table), extras: insert.extras }
}

/// An insert or update: the columns that are given are set, the others keep their value.
pub(crate) fn upsert(table: &Table, columns: &[&str]) -> Sql {
    let mut insert = Insert::new(columns);
    let data = columns.iter().filter(|name| !table.is_key(name));
    let mut set: Vec<String> =
        data.map(|name| format!("{0} = excluded.{0}", quoted(name))).collect();
    if let Some(soft) = &table.soft_column {
        insert.literal(soft, "0");
        set.push(format!("{} = 0, {} = NULL", quoted(soft), quoted(&table.deleted_at)));
    }
    if table.audit {
        insert.bind(CREATED_AT, Extra::Now);
        insert.bind(UPDATED_AT, Extra::Now);
        insert.literal(VERSION, "1");
        set.push(format!("{0} = excluded.{0}, {1}", quoted(UPDATED_AT), next_version()));
    }
    let key: Vec<String> = table.key.iter().map(|name| quoted(name)).collect();
    let action = if set.is_empty() {
        "NOTHING".to_owned()
    } else {
        format!("UPDATE SET {}", set.join(", "))
    };
    let insertion = insert.text(table);
    Sql {
        text: format!("{insertion} ON CONFLICT ({}) DO {action}", key.join(", ")),
        extras: insert.extras,
    }
}

/// Empties columns of a row; none of them is of the key.
pub(crate) fn step_aside(table: &Table, columns: &[&str]) -> String {
    let set: Vec<String> = columns.iter().map(|name| format!("{} = NULL", quoted(name))).collect();
    format!("UPDATE {} SET {} WHERE {}", table.sql, set.join(", "), by_key(table))
}

/// A delete by key.
pub(crate) fn delete(table: &Table) -> Sql {
    let (verb, condition, extras) = removal(table, table.key.len());
    Sql { text: format!("{verb} WHERE {}{condition}", by_key(table)), extras }
}

/// Finds a row by its key; the parameters are its columns.
pub(crate) fn by_key(table: &Table) -> String {
    let key = table.key.iter().enumerate();
    let parts = key.map(|(at, name)| format!("{} = ?{}", quoted(name), at + 1));
    parts.collect::<Vec<_>>().join(" AND ")
}

/// Whether the row of a key is there.
pub(crate) fn find(table: &Table) -> String {
    format!("SELECT 1 FROM {} WHERE {}", table.sql, by_key(table))
}

/// The end of all rows.
pub(crate) fn truncate(table: &Table) -> Sql {
    let (verb, condition, extras) = removal(table, 0);
    let condition = condition.replacen(" AND", " WHERE", 1);
    Sql { text: format!("{verb}{condition}"), extras }
}

/// Everything goes, also what is only marked as deleted: a full re-sync begins anew.
pub(crate) fn clear(table: &Table) -> String {
    format!("DELETE FROM {}", table.sql)
}

/// The end of the rows of a condition, which calls the table by its name.
pub(crate) fn sweep(table: &Table, left_over: &str) -> Sql {
    let (verb, condition, extras) = removal(table, 0);
    Sql { text: format!("{verb} WHERE {left_over}{condition}"), extras }
}

/// How rows go, the condition that spares those gone already, and what to bind from `bound` on.
fn removal(table: &Table, bound: usize) -> (String, String, Vec<Extra>) {
    let name = &table.sql;
    let (Some(soft), true) = (&table.soft_column, table.soft) else {
        return (format!("DELETE FROM {name}"), String::new(), Vec::new());
    };
    let soft = quoted(soft);
    let deleted_at = quoted(&table.deleted_at);
    let mut verb = format!("UPDATE {name} SET {soft} = 1, {deleted_at} = ?{}", bound + 1);
    let mut extras = vec![Extra::TimestampOrNow];
    if table.audit {
        let updated_at = quoted(UPDATED_AT);
        verb.push_str(&format!(", {updated_at} = ?{}, {}", bound + 2, next_version()));
        extras.push(Extra::Now);
    }
    (verb, format!(" AND {soft} IS NOT 1"), extras)
}

fn next_version() -> String {
    format!("{0} = coalesce({0}, 0) + 1", quoted(VERSION))
}

/// An INSERT under construction.
struct Insert {
    names: Vec<String>,
    values: Vec<String>,
    extras: Vec<Extra>,
    bound: usize,
}

impl Insert {
    fn new(columns: &[&str]) -> Self {
        Self {
            names: columns.iter().map(|name| quoted(name)).collect(),
            values: (1..=columns.len()).map(|at| format!("?{at}")).collect(),
            extras: Vec::new(),
            bound: columns.len(),
        }
    }

    fn bind(&mut self, name: &str, extra: Extra) {
        self.bound += 1;
        self.extras.push(extra);
        self.names.push(quoted(name));
        self.values.push(format!("?{}", self.bound));
    }

    fn literal(&mut self, name: &str, value: &str) {
        self.names.push(quoted(name));
        self.values.push(value.to_owned());
    }

    fn text(&self, table: &Table) -> String {
        let (names, values) = (self.names.join(", "), self.values.join(", "));
        format!("INSERT INTO {} ({names}) VALUES ({values})", table.sql)
    }
}
