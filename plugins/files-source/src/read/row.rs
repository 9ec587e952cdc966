//! One row: fields into columns, whatever the file's format.

use cartridge_warp_sdk::{ColumnType, Operation, RowBuilder, Value, ValueError, parse_timestamp};

use crate::format::{Token, number};
use crate::shape::{COLUMNS_MAX, Guess, OP_FIELD, Shape, TS_FIELD};

/// Why a row cannot travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The dead letter's code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Fault {
    /// Bytes that are no record of the format.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self { code: "malformed-row", message: message.into() }
    }

    /// A value that its column cannot hold.
    pub fn conversion(message: impl Into<String>) -> Self {
        Self { code: ValueError::CODE, message: message.into() }
    }
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the batch.
    Committed,
    /// It has values in columns that the table did not have, or not with a value; it is not in the batch.
    NewColumns(Vec<(String, Guess)>),
    /// It cannot travel.
    Rejected(Fault, Option<Operation>),
}

/// Collects the fields of one row.
pub struct RowReader<'w, 's> {
    row: RowBuilder<'w>,
    shape: &'s Shape,
    /// Snapshots are what there is: a row of them can only be there.
    snapshot: bool,
    next: usize,
    /// The columns that have a value already, a bit for each.
    taken: Vec<u64>,
    operation: Option<Operation>,
    at: Option<i64>,
    fault: Option<Fault>,
    new_columns: Vec<(String, Guess)>,
}

impl<'w, 's> RowReader<'w, 's> {
    /// A row without fields.
    pub fn new(row: RowBuilder<'w>, shape: &'s Shape, snapshot: bool) -> Self {
        Self {
            row,
            shape,
            snapshot,
            next: 0,
            taken: vec![0; shape.table().columns.len().div_ceil(64)],
            operation: None,
            at: None,
            fault: None,
            new_columns: Vec::new(),
        }
    }

    /// Takes a field, called as the table calls it.
    pub fn field(&mut self, name: &str, token: &Token<'_>) {
        match self.shape.find(name, self.next) {
            Some(column) => self.known(column, token),
            None => self.unknown(name, token),
        }
    }

    fn known(&mut self, column: usize, token: &Token<'_>) {
        self.next = column + 1;
        if self.is_taken(column) {
            let name = self.shape.table().columns[column].name.clone();
            return self.twice(&name);
        }
        if self.shape.is_unseen(column) && !matches!(token, Token::Null) {
            let name = self.shape.table().columns[column].name.clone();
            return self.first_value(&name, token);
        }
        if self.is_own(column, token) {
            self.set(column, value_of(token, self.shape.column_type(column)));
        }
    }

    /// Whether the column's values are written as the field has it; else the row cannot travel.
    fn is_own(&mut self, column: usize, token: &Token<'_>) -> bool {
        let (column_type, declared) =
            (self.shape.column_type(column), self.shape.is_declared(column));
        let is_own = is_own_text(token, column_type, declared);
        if !is_own {
            let name = &self.shape.table().columns[column].name;
            self.fail(Fault::conversion(format!(
                "column {name}: the text is not one that a value of type {column_type} is written as"
            )));
        }
        is_own
    }

    /// Takes a value that is typed already, and not as the column, perhaps.
    pub fn typed(&mut self, column: usize, value: Value<'_>) {
        let is_own = match &value {
            Value::Str(text) => self.is_own(column, &Token::Quoted((*text).into())),
            Value::F64(number) if *self.shape.column_type(column) == ColumnType::Float => {
                let is_float = number.is_nan() || f64::from(*number as f32) == *number;
                if !is_float {
                    let name = &self.shape.table().columns[column].name;
                    self.fail(Fault::conversion(format!(
                        "column {name}: a number of double precision does not fit float"
                    )));
                }
                is_float
            }
            _ => true,
        };
        if is_own {
            self.set(column, value);
        }
    }

    /// Whether the row has a value of the column; it has from now on.
    fn is_taken(&mut self, column: usize) -> bool {
        let bit = 1 << (column % 64);
        let Some(word) = self.taken.get_mut(column / 64) else { return false };
        let is_taken = *word & bit != 0;
        *word |= bit;
        is_taken
    }

    /// Readers would keep one of the values, and not all of them the same.
    fn twice(&mut self, name: &str) {
        self.fail(Fault::malformed(format!("the record has the field {name} more than once")));
    }

    fn set(&mut self, column: usize, value: Value<'_>) {
        if let Err(error) = self.row.set(column, value) {
            self.fault.get_or_insert_with(|| Fault::conversion(error.to_string()));
        }
    }

    fn unknown(&mut self, name: &str, token: &Token<'_>) {
        match (name, token) {
            (_, Token::Null) => {}
            (OP_FIELD, token) => match operation_of(token) {
                Some(_) if self.operation.is_some() => self.twice(OP_FIELD),
                Some(operation) => self.operation = Some(operation),
                None => {
                    self.fail(Fault::malformed("_op is none of insert, update, delete, truncate"))
                }
            },
            (TS_FIELD, Token::Text { text, .. } | Token::Plain(text) | Token::Quoted(text)) => {
                if self.at.is_some() {
                    self.twice(TS_FIELD);
                }
                self.at = parse_timestamp(text).map(|(micros, _)| micros);
            }
            (name, token) => {
                let known = self.shape.table().columns.len() + self.new_columns.len();
                if known >= COLUMNS_MAX {
                    return self.fail(Fault::malformed(format!(
                        "the field {name} would be column {} and a table has at most {COLUMNS_MAX}",
                        known + 1
                    )));
                }
                self.first_value(name, token);
            }
        }
    }

    /// Takes note of a column that has its first value in this row.
    fn first_value(&mut self, name: &str, token: &Token<'_>) {
        let guess = Guess::of(token);
        match self.new_columns.iter_mut().find(|(column, _)| column == name) {
            Some((_, seen)) => *seen = std::mem::take(seen).join(guess),
            None => self.new_columns.push((name.to_owned(), guess)),
        }
    }

    /// Remembers the first fault.
    pub fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// Ends the row.
    pub fn finish(self) -> Verdict {
        let Self { mut row, operation, at, fault, new_columns, snapshot, .. } = self;
        if let Some(fault) = fault {
            return Verdict::Rejected(fault, operation);
        }
        let gone = matches!(operation, Some(Operation::Delete | Operation::Truncate));
        if snapshot && gone {
            let message = "a delete among rows without _op, which were read as a snapshot; declare \
                           `_op: string` under options.columns to have the files read as changes";
            return Verdict::Rejected(Fault::malformed(message), operation);
        }
        if !new_columns.is_empty() {
            return Verdict::NewColumns(new_columns);
        }
        if !snapshot {
            row.set_operation(operation.unwrap_or_default());
        }
        match at {
            Some(micros) => row.at(micros).commit(),
            None => row.commit(),
        }
        Verdict::Committed
    }
}

fn operation_of(token: &Token<'_>) -> Option<Operation> {
    let (Token::Text { text, .. } | Token::Plain(text) | Token::Quoted(text)) = token else {
        return None;
    };
    Some(match text.to_ascii_lowercase().as_str() {
        // A log of another source may begin with a copy; to this one its rows are news like others.
        "insert" | "i" | "c" | "r" | "create" | "read" | "snapshot" => Operation::Insert,
        "update" | "u" => Operation::Update,
        "delete" | "d" => Operation::Delete,
        "truncate" | "t" => Operation::Truncate,
        _ => return None,
    })
}

/// Text is converted by the column; JSON columns take JSON as it was written.
fn value_of<'t>(token: &'t Token<'_>, column_type: &ColumnType) -> Value<'t> {
    let json = *column_type == ColumnType::Json;
    match token {
        Token::Null => Value::Null,
        Token::Bool(value) => Value::Bool(*value),
        Token::Number(raw) | Token::Text { raw, .. } if json => Value::Json((*raw).into()),
        Token::Number(raw) => Value::Str(raw),
        Token::Nested(raw) => Value::Json((*raw).into()),
        Token::Text { text, .. } | Token::Plain(text) | Token::Quoted(text) => match column_type {
            ColumnType::Binary => Value::Bytes(text.as_bytes()),
            _ => Value::Str(text),
        },
    }
}

/// Whether a value of the column's type is written as the field has it, so that none becomes another.
fn is_own_text(token: &Token<'_>, column_type: &ColumnType, declared: bool) -> bool {
    let (text, is_number): (&str, fn(&str) -> bool) = match token {
        Token::Number(raw) => (raw, number::is_number),
        Token::Plain(text) => (text, number::is_number),
        // Between quotes a power of ten is a word: `"1e5"`.
        Token::Quoted(text) | Token::Text { text, .. } => (text, number::is_plain),
        Token::Null | Token::Bool(_) | Token::Nested(_) => return true,
    };
    match column_type {
        ColumnType::Integer | ColumnType::BigInt => is_number(text) && number::is_whole(text),
        ColumnType::Decimal { .. } => is_number(text),
        ColumnType::Double => is_no_number(text) || (is_number(text) && number::is_double(text)),
        ColumnType::Float => is_no_number(text) || (is_number(text) && number::is_float(text)),
        ColumnType::Boolean => declared || matches!(text, "true" | "false"),
        _ => true,
    }
}

/// The words for floating-point numbers that are none.
fn is_no_number(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity" | "inf" | "-inf")
}
