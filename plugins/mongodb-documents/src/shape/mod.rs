//! What a collection's documents have looked like so far, as a table.
//!
//! A shape only grows, and what it has become depends on the documents seen, not on their order.
//! Only values make columns: a field that was always null has none yet.

mod fields;

use std::collections::BTreeMap;

use bson::{RawBsonRef, RawDocument};
use cartridge_warp_sdk::{Column, ColumnType, Failure, Table};

use crate::key::{ID, Key};
use crate::kinds::Kinds;
use crate::mode::{FLATTENED_LEVELS_MAX, IdType, Mode};
use crate::name;

pub(crate) use fields::flattened;
use fields::{Cursor, Field, Level};

/// Columns of a table, `_id` included. PostgreSQL has 1,600, and destinations add some of theirs.
pub const COLUMNS_MAX: usize = 1_500;
/// Bytes of all fields' names together.
const NAMES_BYTES_MAX: usize = 1 << 20;

/// The name of the JSON column of [`Mode::Document`].
pub(crate) const DOCUMENT: &str = "document";

/// What was seen of one collection.
#[derive(Debug, Clone)]
pub struct Shape {
    collection: String,
    mode: Mode,
    key: Key,
    levels: Vec<Level>,
    fields: Vec<Field>,
    /// Columns but `_id`, by name, and the field that each holds.
    columns: BTreeMap<String, usize>,
    names_bytes: usize,
    /// Counts the rows that were begun.
    rows: u64,
}

/// Where top-level fields are.
pub(crate) const ROOT: usize = 0;

impl Shape {
    /// An empty shape: nothing but `_id`.
    pub fn new(collection: impl Into<String>, mode: Mode, id_type: IdType) -> Self {
        Self {
            collection: collection.into(),
            mode,
            key: Key::new(id_type),
            levels: vec![Level::default()],
            fields: Vec::new(),
            columns: BTreeMap::new(),
            names_bytes: 0,
            rows: 0,
        }
    }

    /// The collection's name.
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// How its documents become columns.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// Takes note of an `_id`. Since an index on `_id` sorts by type first, the first and the last
    /// one of a collection tell whether all between are of one type: a connector shows both of them
    /// to each new shape, so that no two instances take different types for the only one.
    ///
    /// # Errors
    /// `config` when it is of another type than those before.
    pub fn observe_id(&mut self, id: RawBsonRef<'_>) -> Result<bool, Failure> {
        let before = self.key;
        self.key.observe(id, &self.collection)?;
        Ok(before.column() != self.key.column())
    }

    /// The text of an `_id` in the key's column; none where it is of another type than those before.
    pub fn key_text(&self, id: RawBsonRef<'_>) -> Option<String> {
        Some(self.key.value(id).ok()??.text())
    }

    /// Takes note of a document; true when the table is another one afterwards. What cannot be read
    /// of it is passed over: its row will be rejected.
    ///
    /// # Errors
    /// `config` when there would be too many columns, two fields of one column, or an `_id` of
    /// another type than before.
    pub fn observe(&mut self, document: &RawDocument) -> Result<bool, Failure> {
        let grew = self.observe_fields(document);
        // A failure may leave columns behind.
        if !matches!(grew, Ok(false)) {
            self.assign_places();
        }
        grew
    }

    fn observe_fields(&mut self, document: &RawDocument) -> Result<bool, Failure> {
        let mut grew = false;
        for element in document.iter_elements() {
            let Ok(element) = element else { break };
            let (key, value) = (element.key().as_str(), element.value());
            let Ok(value) = value else { continue };
            grew |= match self.mode {
                _ if key == ID => self.observe_id(value)?,
                Mode::Document => false,
                Mode::Columns { max_depth } => {
                    let levels = max_depth.min(FLATTENED_LEVELS_MAX);
                    self.observe_field(ROOT, None, key, value, levels)?
                }
            };
        }
        Ok(grew)
    }

    fn observe_field(
        &mut self,
        level: usize,
        above: Option<usize>,
        name: &str,
        value: RawBsonRef<'_>,
        levels: u32,
    ) -> Result<bool, Failure> {
        if Kinds::of(&value).is_empty() {
            return Ok(false);
        }
        let field = match self.find(level, &mut 0, name) {
            Some(field) => field,
            None => self.add_field(level, above, name)?,
        };
        let Some(document) = flattened(&value, levels) else {
            return self.observe_value(field, &value);
        };
        let inner = match self.fields[field].inner {
            Some(inner) => inner,
            None => {
                self.levels.push(Level::default());
                *self.fields[field].inner.insert(self.levels.len() - 1)
            }
        };
        let mut grew = false;
        for element in document.iter_elements() {
            let Ok(element) = element else { break };
            let Ok(value) = element.value() else { continue };
            let name = element.key().as_str();
            grew |= self.observe_field(inner, Some(field), name, value, levels - 1)?;
        }
        Ok(grew)
    }

    fn observe_value(&mut self, field: usize, value: &RawBsonRef<'_>) -> Result<bool, Failure> {
        let before = self.fields[field].seen;
        let seen = before.with(value);
        if seen == before {
            return Ok(false);
        }
        if before.is_empty() {
            self.add_column(field)?;
        }
        let field = &mut self.fields[field];
        (field.seen, field.column_type) = (seen, seen.column_type());
        let same = before.column_type() == field.column_type && before.origin() == seen.origin();
        Ok(before.is_empty() || !same)
    }

    fn add_field(
        &mut self,
        level: usize,
        above: Option<usize>,
        name: &str,
    ) -> Result<usize, Failure> {
        let path = match above {
            Some(above) => format!("{}_{name}", self.fields[above].path),
            None => name.to_owned(),
        };
        self.names_bytes += path.len() + name.len();
        if self.names_bytes > NAMES_BYTES_MAX || self.fields.len() >= 2 * COLUMNS_MAX {
            return Err(self.too_large());
        }
        let field = self.fields.len();
        self.fields.push(Field::new(path));
        self.levels[level].add(name, field);
        Ok(field)
    }

    fn add_column(&mut self, field: usize) -> Result<(), Failure> {
        let name = name::column(&self.fields[field].path).into_owned();
        // `_id` is one more.
        if self.columns.len() + 1 >= COLUMNS_MAX {
            return Err(self.too_large());
        }
        if self.columns.contains_key(&name) {
            return Err(Failure::config(
                "ambiguous-column",
                format!(
                    "two fields of collection {} would share the column {name:?}; set \
                     options.max_document_depth to 0 or options.schema_mode to document",
                    self.collection
                ),
            ));
        }
        self.columns.insert(name, field);
        Ok(())
    }

    fn too_large(&self) -> Failure {
        Failure::config(
            "too-many-columns",
            format!(
                "the documents of collection {} have too many different fields: {COLUMNS_MAX} \
                 columns and {NAMES_BYTES_MAX} bytes of names are allowed; set options.schema_mode \
                 to document, or options.max_document_depth to 0 where nested fields are too many",
                self.collection
            ),
        )
    }

    /// Columns stand in the order of their names, behind `_id`.
    fn assign_places(&mut self) {
        for (at, field) in self.columns.values().enumerate() {
            self.fields[*field].place = at + 1;
        }
    }

    /// The table that holds every document seen. `_id` is its key; the other columns follow in the
    /// order of their names.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&self.collection).with(self.key.column()).key([ID]);
        if self.mode == Mode::Document {
            return table.column(DOCUMENT, ColumnType::Json);
        }
        for (name, field) in &self.columns {
            let seen = self.fields[*field].seen;
            let mut column = Column::new(name, seen.column_type());
            column.origin_type = seen.origin();
            table = table.with(column);
        }
        table
    }

    /// Finds a field of a level.
    #[inline]
    pub(crate) fn find(&self, level: usize, cursor: &mut Cursor, name: &str) -> Option<usize> {
        self.levels[level].find(cursor, name)
    }

    /// Begins a row, under a number that no field has yet.
    pub(crate) fn begin_row(&mut self) -> u64 {
        self.rows += 1;
        self.rows
    }

    #[inline]
    pub(crate) fn field(&mut self, field: usize) -> &mut Field {
        &mut self.fields[field]
    }
}
