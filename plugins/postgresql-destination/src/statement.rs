//! The statements that apply changes.
//!
//! Each exists three times: for one change, whose values are parameters; for some changes, whose
//! columns are arrays; and for all changes in a staging table at once.

use cartridge_warp_sdk::sql::{CREATED_AT, OP, SEQ, TS, Table, UNCHANGED, UPDATED_AT, VERSION};
use postgresql_client::names::quoted;

use crate::shape::Shape;

/// In a staging table's column `act`: the row is only written.
pub(crate) const WRITE: i16 = 0;
/// The row is only deleted.
pub(crate) const DELETE: i16 = 1;
/// What is there is deleted, and then the row is written.
pub(crate) const REPLACE: i16 = 2;

/// What a row has behind its columns in append mode, and the types that it is sent as.
pub(crate) const LOGGED: [(&str, &str); 4] =
    [(OP, "text"), (TS, "timestamp with time zone"), (UNCHANGED, "jsonb"), (SEQ, "bigint")];

/// A value that a change brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A column of the batch.
    Column(usize),
    /// When the row was deleted in the source.
    At,
    /// Whether it is marked as deleted.
    Gone,
    /// How many changes it has seen.
    Versions,
}

/// Where values come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From<'a> {
    /// One change: each value is a parameter.
    Parameters,
    /// Some changes: each parameter has a value of all of them.
    Arrays,
    /// A staging table, and which of its partial rows are meant.
    Stage { name: &'a str, mask: usize },
}

/// SQL and the values of its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) slots: Vec<Slot>,
}

/// Writes statements for one table and batch.
pub(crate) struct Writer<'a> {
    table: &'a Table,
    shape: &'a Shape,
    from: From<'a>,
    slots: Vec<Slot>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(table: &'a Table, shape: &'a Shape, from: From<'a>) -> Self {
        Self { table, shape, from, slots: Vec::new() }
    }

    /// Removes rows, or marks those as deleted that are not yet.
    pub(crate) fn delete(mut self) -> Sql {
        let table = &self.table.sql;
        let mut conditions = vec![self.key_of("t")];
        if let From::Stage { .. } = self.from {
            conditions.push(format!("s.act <> {WRITE}"));
        }
        let text = match (&self.table.soft_column, self.table.soft) {
            (Some(soft), true) => {
                let soft = quoted(soft);
                let at = self.value(Slot::At);
                conditions.push(format!("t.{soft} IS NOT TRUE"));
                let set = mark(self.table, &soft, &at);
                let rows = self.rows("FROM");
                format!("UPDATE {table} AS t SET {set}{rows} WHERE {}", conditions.join(" AND "))
            }
            _ => {
                let rows = self.rows("USING");
                format!("DELETE FROM {table} AS t{rows} WHERE {}", conditions.join(" AND "))
            }
        };
        Sql { text, slots: self.slots }
    }

    /// Inserts rows, or updates those that are there.
    pub(crate) fn upsert(mut self) -> Sql {
        let all: Vec<usize> = (0..self.shape.columns.len()).collect();
        let insertion = self.insertion(&all);
        let table = self.table;
        let data = self.shape.columns.iter().filter(|column| !column.is_key);
        let mut set: Vec<String> = data.map(|c| format!("{0} = excluded.{0}", c.name)).collect();
        if let Some(soft) = &table.soft_column {
            let names = [quoted(soft), quoted(&table.deleted_at)];
            set.extend(names.map(|name| format!("{name} = excluded.{name}")));
        }
        if table.audit {
            let (updated_at, version) = (quoted(UPDATED_AT), quoted(VERSION));
            set.push(format!("{updated_at} = excluded.{updated_at}"));
            set.push(format!("{version} = coalesce(t.{version}, 0) + excluded.{version}"));
        }
        let key: Vec<String> = table.key.iter().map(|name| quoted(name)).collect();
        let rows = self.written_rows(None);
        let action = match set.is_empty() {
            true => "NOTHING".to_owned(),
            false => format!("UPDATE SET {}", set.join(", ")),
        };
        let text = format!("{insertion}{rows} ON CONFLICT ({}) DO {action}", key.join(", "));
        Sql { text, slots: self.slots }
    }

    /// Updates rows that are there with the columns that were sent; none if there is nothing to set.
    pub(crate) fn update(mut self, sent: &[usize]) -> Option<Sql> {
        let (table, shape) = (self.table, self.shape);
        let data = sent.iter().filter(|at| !shape.columns[**at].is_key);
        let mut set = Vec::new();
        for at in data {
            set.push(format!("{} = {}", shape.columns[*at].name, self.value(Slot::Column(*at))));
        }
        if let Some(soft) = &table.soft_column {
            set.push(format!("{} = {}", quoted(soft), self.value(Slot::Gone)));
            set.push(format!("{} = {}", quoted(&table.deleted_at), self.deleted_at()));
        }
        if table.audit {
            let version = quoted(VERSION);
            set.push(format!("{} = now()", quoted(UPDATED_AT)));
            let versions = self.value(Slot::Versions);
            set.push(format!("{version} = coalesce(t.{version}, 0) + {versions}"));
        }
        if set.is_empty() {
            return None;
        }
        let key = self.key_of("t");
        let rows = self.written_rows(Some(key));
        let text = format!("UPDATE {} AS t SET {}{rows}", table.sql, set.join(", "));
        Some(Sql { text, slots: self.slots })
    }

    /// Empties what a row will bring, in the row that is there; none if it brings nothing.
    pub(crate) fn step_aside(mut self, sent: &[usize]) -> Option<Sql> {
        let shape = self.shape;
        let data = sent.iter().map(|at| &shape.columns[*at]).filter(|column| !column.is_key);
        let set: Vec<String> = data.map(|column| format!("{} = NULL", column.name)).collect();
        if set.is_empty() {
            return None;
        }
        let (table, key) = (&self.table.sql, self.key_of("t"));
        let text = format!("UPDATE {table} AS t SET {} WHERE {key}", set.join(", "));
        Some(Sql { text, slots: self.slots })
    }

    /// Inserts rows that are not there, with the columns that were sent.
    pub(crate) fn insert_missing(mut self, sent: &[usize]) -> Sql {
        let insertion = self.insertion(sent);
        let (table, key) = (&self.table.sql, self.key_of("o"));
        let missing = format!("NOT EXISTS (SELECT 1 FROM {table} AS o WHERE {key})");
        let text = format!("{insertion}{}", self.written_rows(Some(missing)));
        Sql { text, slots: self.slots }
    }

    /// As many rows as are not there.
    pub(crate) fn missing(mut self) -> Sql {
        let (table, key) = (&self.table.sql, self.key_of("o"));
        let missing = format!("NOT EXISTS (SELECT 1 FROM {table} AS o WHERE {key})");
        let text = format!("SELECT 1{}", self.written_rows(Some(missing)));
        Sql { text, slots: self.slots }
    }

    /// `INSERT INTO … SELECT …` without its end.
    fn insertion(&mut self, sent: &[usize]) -> String {
        let (table, shape) = (self.table, self.shape);
        let mut names: Vec<String> =
            sent.iter().map(|at| shape.columns[*at].name.clone()).collect();
        let mut values: Vec<String> = sent.iter().map(|at| self.value(Slot::Column(*at))).collect();
        if let Some(soft) = &table.soft_column {
            names.extend([quoted(soft), quoted(&table.deleted_at)]);
            values.extend([self.value(Slot::Gone), self.deleted_at()]);
        }
        if table.audit {
            names.extend([quoted(CREATED_AT), quoted(UPDATED_AT), quoted(VERSION)]);
            let versions = self.value(Slot::Versions);
            values.extend(["now()".to_owned(), "now()".to_owned(), versions]);
        }
        let (names, values) = (names.join(", "), values.join(", "));
        format!("INSERT INTO {} AS t ({names}) SELECT {values}", table.sql)
    }

    /// Moves a row that is there to another table of the same columns.
    pub(crate) fn leave(mut self, beside: &str) -> Sql {
        let (table, key) = (&self.table.sql, self.key_of("t"));
        let text = format!(
            "WITH gone AS (DELETE FROM {table} AS t WHERE {key} RETURNING t.*) \
             INSERT INTO {beside} SELECT * FROM gone"
        );
        Sql { text, slots: self.slots }
    }

    /// Moves it back.
    pub(crate) fn come_back(mut self, beside: &str, columns: &str) -> Sql {
        let (table, key) = (&self.table.sql, self.key_of("t"));
        let text = format!(
            "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE \
             SELECT {columns} FROM {beside} AS t WHERE {key}"
        );
        Sql { text, slots: self.slots }
    }

    /// Where the values come from, for the end of a statement: every slot has to be known.
    fn rows(&self, word: &str) -> String {
        match self.from {
            From::Parameters => String::new(),
            From::Stage { name, .. } => format!(" {word} {name} AS s"),
            From::Arrays => {
                let slots = self.slots.iter().enumerate();
                let arrays =
                    slots.map(|(at, slot)| format!("${}::{}[]", at + 1, self.type_of(*slot)));
                let arrays = arrays.collect::<Vec<_>>().join(", ");
                let names =
                    self.slots.iter().map(|slot| name(*slot)).collect::<Vec<_>>().join(", ");
                format!(" {word} unnest({arrays}) AS s ({names})")
            }
        }
    }

    /// The same for what is written, with another condition.
    fn written_rows(&self, condition: Option<String>) -> String {
        let staged = match self.from {
            From::Stage { mask, .. } => Some(format!("s.act <> {DELETE} AND s.mask = {mask}")),
            _ => None,
        };
        let conditions: Vec<_> = staged.into_iter().chain(condition).collect();
        let word = if conditions.is_empty() { "" } else { " WHERE " };
        format!("{}{word}{}", self.rows("FROM"), conditions.join(" AND "))
    }

    fn deleted_at(&mut self) -> String {
        let (gone, at) = (self.value(Slot::Gone), self.value(Slot::At));
        format!("CASE WHEN {gone} THEN coalesce({at}, now()) END")
    }

    /// Comparison of the key; values are brought to the column's type, so that its index is used.
    fn key_of(&mut self, alias: &str) -> String {
        let shape = self.shape;
        let parts = shape.key.iter().map(|at| {
            let column = &shape.columns[*at];
            let value = self.value(Slot::Column(*at));
            let cast = if column.direct { String::new() } else { format!("::{}", column.declared) };
            format!("{alias}.{} = {value}{cast}", column.name)
        });
        parts.collect::<Vec<_>>().join(" AND ")
    }

    fn type_of(&self, slot: Slot) -> &'a str {
        type_of(self.shape, slot)
    }

    fn value(&mut self, slot: Slot) -> String {
        let cast = match slot {
            Slot::Column(at) => self.shape.columns[at].wire.cast.as_deref(),
            _ => None,
        };
        let known = self.slots.iter().position(|known| *known == slot);
        let at = known.unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        });
        let value = match self.from {
            From::Parameters => format!("${}::{}", at + 1, self.type_of(slot)),
            From::Arrays | From::Stage { .. } => format!("s.{}", name(slot)),
        };
        match cast {
            Some(cast) => format!("{value}::{cast}"),
            None => value,
        }
    }
}

/// The type that a value is sent as.
pub(crate) fn type_of(shape: &Shape, slot: Slot) -> &str {
    match slot {
        Slot::Column(at) => &shape.columns[at].wire.sent_as,
        Slot::At => "timestamp with time zone",
        Slot::Gone => "boolean",
        Slot::Versions => "bigint",
    }
}

/// What a value is called in a staging table, and among arrays.
fn name(slot: Slot) -> String {
    match slot {
        Slot::Column(at) => format!("c{at}"),
        Slot::At => "at".to_owned(),
        Slot::Gone => "gone".to_owned(),
        Slot::Versions => "versions".to_owned(),
    }
}

/// Inserts the rows of a staging table in append mode.
pub(crate) fn append(table: &Table, shape: &Shape, stage: &str) -> String {
    let names = append_columns(shape);
    let data = shape.columns.iter().enumerate().map(|(at, column)| match &column.wire.cast {
        Some(cast) => format!("s.c{at}::{cast}"),
        None => format!("s.c{at}"),
    });
    let count = shape.columns.len();
    let own = (count..count + LOGGED.len()).map(|at| format!("s.c{at}"));
    let values = data.chain(own).collect::<Vec<_>>().join(", ");
    format!("INSERT INTO {} ({names}) SELECT {values} FROM {stage} AS s", table.sql)
}

/// Copies rows of append mode straight into their table.
pub(crate) fn copy_append(table: &Table, shape: &Shape) -> String {
    format!("COPY {} ({}) FROM STDIN BINARY", table.sql, append_columns(shape))
}

/// Copies new rows straight into their table.
pub(crate) fn copy_new(table: &Table, shape: &Shape) -> String {
    let soft = table.soft_column.as_deref().map(quoted);
    let names = shape.columns.iter().map(|column| column.name.clone()).chain(soft);
    format!("COPY {} ({}) FROM STDIN BINARY", table.sql, names.collect::<Vec<_>>().join(", "))
}

fn append_columns(shape: &Shape) -> String {
    let own = LOGGED.map(|(name, _)| quoted(name));
    let names = shape.columns.iter().map(|column| column.name.clone()).chain(own);
    names.collect::<Vec<_>>().join(", ")
}

pub(crate) fn mark(table: &Table, soft: &str, at: &str) -> String {
    let mut set = format!("{soft} = true, {} = coalesce({at}, now())", quoted(&table.deleted_at));
    if table.audit {
        let version = quoted(VERSION);
        let updated_at = quoted(UPDATED_AT);
        set.push_str(&format!(", {updated_at} = now(), {version} = coalesce(t.{version}, 0) + 1"));
    }
    set
}
