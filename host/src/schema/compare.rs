//! Finds what a batch brings that its table does not have yet.
//!
//! A column that the batch lacks is no change: a batch may carry a part of a row. A narrower type
//! than the table's is none either, since the table can hold it. Which column is which, `identity`
//! says.
//!
//! A column only ever widens: numbers and times to text, text to JSON, which holds everything. So
//! values that come in turns, now of one type and now of another, change a column once or twice and
//! never back and forth.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

use super::identity::{self, Unclear};
use crate::model::{ChangeKind, SchemaChange, TableShape, batch::is_reserved};

/// Field metadata of a column of which the source has seen no value.
const UNSEEN: &str = "warp:unseen";

/// How a value of one type fits into a column of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeStep {
    /// The column holds it as it is.
    Same,
    /// The column holds all values of the new type, and more.
    Narrower,
    /// The new type holds all values of the column, and more.
    Wider,
    /// The new type is text, which holds the column's values too.
    ToText,
    /// Nested values become JSON.
    ToJson,
    /// Neither holds the other, but text holds both.
    Other,
}

/// Compares a column's type with the type of newly arrived values.
pub fn type_step(column: &Field, arrived: &Field) -> TypeStep {
    let (have, new) = (column.data_type(), arrived.data_type());
    let (have_json, new_json) = (is_json(column), is_json(arrived));
    match () {
        () if have == new && have_json == new_json => TypeStep::Same,
        () if widens(have, new) => TypeStep::Wider,
        () if widens(new, have) || holds(have, new) => TypeStep::Narrower,
        () if have_json => TypeStep::Narrower,
        () if new_json => TypeStep::ToJson,
        () if is_text(have) => TypeStep::Narrower,
        () if is_text(new) => TypeStep::ToText,
        () => TypeStep::Other,
    }
}

/// What a look at a table brings that was not known.
#[derive(Debug, Default, PartialEq)]
pub struct News {
    /// The changes, in an order in which each can be made.
    pub changes: Vec<SchemaChange>,
    /// Columns cannot be told apart: no changes lead there.
    pub unclear: Option<Unclear>,
}

impl News {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.unclear.is_none()
    }

    /// The news of rows that may have been read before those that came first: none of their names is
    /// known to be the newer one.
    #[must_use]
    pub fn of_rows(mut self) -> Self {
        let is_rename =
            |change: &SchemaChange| matches!(change.kind, ChangeKind::RenameColumn { .. });
        if self.changes.iter().any(is_rename) {
            self.unclear = Some("a column was renamed while rows were read");
        }
        self
    }
}

impl From<Vec<SchemaChange>> for News {
    fn from(changes: Vec<SchemaChange>) -> Self {
        Self { changes, unclear: None }
    }
}

/// The changes that make `table` able to hold what `arrived` describes, in column order.
pub fn compare(table: &TableShape, arrived: &Schema) -> News {
    let renames = match identity::renames(&table.schema, arrived) {
        Ok(renames) => renames,
        Err(why) => return News { changes: Vec::new(), unclear: Some(why) },
    };
    let mut shape = table.clone();
    let mut changes = Vec::new();
    let mut change = |kind, after: &TableShape| {
        changes.push(SchemaChange { table: table.name.clone(), kind, after: Some(after.clone()) });
    };
    for (column, new_name) in renames {
        rename(&mut shape, &column, &new_name);
        change(ChangeKind::RenameColumn { column, new_name }, &shape);
    }
    for field in arrived.fields().iter().filter(|field| !is_reserved(field.name())) {
        let column = field.name().clone();
        let (kind, becomes) = match shape.schema.field_with_name(field.name()) {
            Err(_) => (ChangeKind::AddColumn { column }, field.clone()),
            Ok(_) if is_unseen(field) => continue,
            Ok(known) if is_first_value(known, field) => {
                (ChangeKind::ModifyColumn { column }, field.clone())
            }
            Ok(known) => match type_step(known, field) {
                TypeStep::Same if !identity::is_declared_otherwise(known, field) => continue,
                TypeStep::Narrower if identity::has_other_values(known, field) != Some(true) => {
                    continue;
                }
                TypeStep::Other => (ChangeKind::ModifyColumn { column }, as_text(field)),
                _ => (ChangeKind::ModifyColumn { column }, field.clone()),
            },
        };
        shape.schema = merge(&shape.schema, &becomes);
        change(kind, &shape);
    }
    News::from(changes)
}

/// The same for a look that shows the whole table: a column that it lacks is gone, where the source says which
/// columns are which. The key is left as it is, since rows are found by it until it is another one.
pub fn compare_whole(table: &TableShape, now: &Schema) -> News {
    let mut news = compare(table, now);
    if news.unclear.is_some() {
        return news;
    }
    let latest = news.changes.last().and_then(|change| change.after.as_ref());
    let mut shape = latest.unwrap_or(table).clone();
    for column in identity::gone(&shape.schema, now) {
        shape.schema = without(&shape.schema, &column);
        let (table, after) = (table.name.clone(), Some(shape.clone()));
        news.changes.push(SchemaChange { table, kind: ChangeKind::DropColumn { column }, after });
    }
    news
}

/// Gives a column another name, in the key too.
fn rename(shape: &mut TableShape, column: &str, new_name: &str) {
    let renamed = |field: &FieldRef| match field.name() == column {
        true => Arc::new(field.as_ref().clone().with_name(new_name)),
        false => Arc::clone(field),
    };
    let fields: Vec<FieldRef> = shape.schema.fields().iter().map(renamed).collect();
    let metadata = shape.schema.metadata().clone();
    shape.schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    shape.key.iter_mut().filter(|key| *key == column).for_each(|key| new_name.clone_into(key));
}

/// The schema with this column added, or changed to this type where it is there already.
pub fn merge(schema: &SchemaRef, column: &FieldRef) -> SchemaRef {
    let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    match fields.iter_mut().find(|field| field.name() == column.name()) {
        Some(field) => *field = column.clone(),
        None => fields.push(column.clone()),
    }
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The schema without this column.
pub fn without(schema: &SchemaRef, column: &str) -> SchemaRef {
    let others = schema.fields().iter().filter(|field| field.name() != column);
    let fields: Vec<FieldRef> = others.cloned().collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// Whether a column gets its first value, and with it the type that was a guess so far. A guess of text
/// holds whatever comes, so nothing else would tell that the type is another.
pub fn is_first_value(known: &Field, arrived: &Field) -> bool {
    is_unseen(known) && !is_unseen(arrived)
}

/// The column as it is when its guess has to do: whatever comes is written in its type.
pub fn settled(guess: &Field) -> Field {
    let mut metadata = guess.metadata().clone();
    metadata.remove(UNSEEN);
    guess.clone().with_metadata(metadata)
}

/// Whether the source has seen a row of the table, as far as its key tells.
pub fn has_seen_key(table: &TableShape) -> bool {
    let field = |name: &String| table.schema.field_with_name(name);
    !table.key.iter().any(|name| field(name).is_ok_and(is_unseen))
}

/// Whether the type is a guess: the source has seen no value of the column.
pub(super) fn is_unseen(field: &Field) -> bool {
    field.metadata().get(UNSEEN).is_some_and(|it| it == "true")
}

fn as_text(field: &Field) -> FieldRef {
    let text = Field::new(field.name(), DataType::Utf8, true);
    identity::keep(field, text)
}

pub(super) fn is_json(field: &Field) -> bool {
    field.metadata().get("ARROW:extension:name").is_some_and(|name| name == "arrow.json")
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8)
}

/// True where a column that was inferred from more rows holds what fewer of them look like: a source
/// that infers took the wider type for both, and says the narrower one when it sees less. A value that
/// has no exact form there is refused when it comes (`fit`).
fn holds(column: &DataType, arrived: &DataType) -> bool {
    use DataType::{Date32, Float64, Int64, Timestamp};
    matches!((column, arrived), (Float64, Int64) | (Timestamp(_, Some(_)), Date32))
}

/// True where every value of `from` is exactly a value of `to`, and they differ.
fn widens(from: &DataType, to: &DataType) -> bool {
    use DataType::{
        Date32, Decimal128, Decimal256, Float32, Float64, Int8, Int16, Int32, Int64, Timestamp,
    };
    match (from, to) {
        (Int8, Int16 | Int32 | Int64 | Float32 | Float64)
        | (Int16, Int32 | Int64 | Float32 | Float64)
        | (Int32, Int64 | Float64)
        | (Float32, Float64)
        // A day is no moment: nobody said in which zone.
        | (Date32, Timestamp(_, None)) => true,
        (
            Decimal128(precision, scale),
            Decimal128(new_precision, new_scale) | Decimal256(new_precision, new_scale),
        )
        | (Decimal256(precision, scale), Decimal256(new_precision, new_scale)) => {
            from != to
                && new_scale >= scale
                && i16::from(*new_precision) - i16::from(*new_scale)
                    >= i16::from(*precision) - i16::from(*scale)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn field(name: &str, data_type: DataType) -> Field {
        Field::new(name, data_type, true)
    }

    fn json(name: &str) -> Field {
        field(name, DataType::Utf8)
            .with_metadata(HashMap::from([("ARROW:extension:name".into(), "arrow.json".into())]))
    }

    #[test]
    fn a_type_step_says_which_side_holds_the_other() {
        use DataType::{Decimal128, Float64, Int32, Int64, Utf8};
        let cases = [
            ("the same type is no step", field("c", Int64), field("c", Int64), TypeStep::Same),
            ("a smaller integer fits", field("c", Int64), field("c", Int32), TypeStep::Narrower),
            ("a larger integer widens", field("c", Int32), field("c", Int64), TypeStep::Wider),
            (
                "a double can't hold a bigint",
                field("c", Int64),
                field("c", Float64),
                TypeStep::Other,
            ),
            (
                "a double holds the integers of a smaller sample",
                field("c", Float64),
                field("c", Int64),
                TypeStep::Narrower,
            ),
            (
                "a moment holds a day",
                field(
                    "c",
                    DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, Some("UTC".into())),
                ),
                field("c", DataType::Date32),
                TypeStep::Narrower,
            ),
            ("text holds numbers", field("c", Utf8), field("c", Int64), TypeStep::Narrower),
            ("numbers fall back to text", field("c", Int64), field("c", Utf8), TypeStep::ToText),
            ("objects become JSON", field("c", Int64), json("c"), TypeStep::ToJson),
            ("text becomes JSON, too", field("c", Utf8), json("c"), TypeStep::ToJson),
            ("JSON holds text", json("c"), field("c", Utf8), TypeStep::Narrower),
            ("JSON holds numbers", json("c"), field("c", Int64), TypeStep::Narrower),
            (
                "more digits on both sides widen",
                field("c", Decimal128(10, 2)),
                field("c", Decimal128(14, 4)),
                TypeStep::Wider,
            ),
            (
                "more scale at the cost of digits is neither",
                field("c", Decimal128(10, 2)),
                field("c", Decimal128(10, 4)),
                TypeStep::Other,
            ),
        ];
        for (name, have, new, expected) in cases {
            assert_eq!(type_step(&have, &new), expected, "{name}");
        }
    }

    #[test]
    fn a_type_that_no_value_showed_changes_no_column() {
        let unseen = |name: &str| {
            field(name, DataType::Utf8)
                .with_metadata(HashMap::from([("warp:unseen".into(), "true".into())]))
        };
        let table = TableShape {
            name: "t".into(),
            schema: Arc::new(Schema::new(vec![field("id", DataType::Int64)])),
            key: vec!["id".into()],
            estimated_rows: None,
        };
        assert!(compare(&table, &Schema::new(vec![unseen("id")])).is_empty());
        let news = compare(&table, &Schema::new(vec![unseen("id"), unseen("note")]));
        let kinds: Vec<_> = news.changes.into_iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [ChangeKind::AddColumn { column: "note".into() }]);
    }

    #[test]
    fn the_first_value_gives_a_column_its_type() {
        let unseen = field("c", DataType::Utf8)
            .with_metadata(HashMap::from([("warp:unseen".into(), "true".into())]));
        let table = TableShape {
            name: "t".into(),
            schema: Arc::new(Schema::new(vec![unseen.clone()])),
            key: vec!["c".into()],
            estimated_rows: None,
        };
        assert!(!has_seen_key(&table));
        assert!(compare(&table, &Schema::new(vec![unseen])).is_empty());
        for arrived in [field("c", DataType::Int64), field("c", DataType::Utf8), json("c")] {
            let news = compare(&table, &Schema::new(vec![arrived.clone()]));
            let after = news.changes[0].after.as_ref().unwrap();
            assert_eq!(*after.schema.field(0), arrived);
            assert!(has_seen_key(after));
        }
    }

    #[test]
    fn a_column_that_gets_types_in_turns_comes_to_rest() {
        use DataType::{Binary, Boolean, Date32, Decimal128, Float64, Int32, Int64, Utf8};
        let types = || {
            let plain = [Int32, Int64, Float64, Boolean, Date32, Decimal128(10, 2), Binary, Utf8];
            plain.into_iter().map(|plain| field("c", plain)).chain([json("c")])
        };
        for (first, second) in types().flat_map(|first| types().map(move |c| (first.clone(), c))) {
            let mut table = TableShape {
                name: "t".into(),
                schema: Arc::new(Schema::new(vec![first.clone()])),
                key: vec![],
                estimated_rows: None,
            };
            let mut changes = 0;
            for round in 0..3 {
                for arrived in types().chain([first.clone(), second.clone()]) {
                    let news = compare(&table, &Schema::new(vec![arrived]));
                    assert!(round == 0 || news.is_empty(), "{first:?}, {second:?}: {news:?}");
                    for change in news.changes {
                        table.schema = change.after.unwrap().schema;
                        changes += 1;
                    }
                }
            }
            assert!(changes <= 4, "{first:?}, {second:?}: {changes} changes");
        }
    }

    #[test]
    fn only_columns_the_table_cannot_hold_are_changes() {
        let table = TableShape {
            name: "t".into(),
            schema: Arc::new(Schema::new(vec![
                field("id", DataType::Int64),
                field("n", DataType::Int32),
                field("gone", DataType::Utf8),
            ])),
            key: vec!["id".into()],
            estimated_rows: None,
        };
        let arrived = Schema::new(vec![
            field("_op", DataType::UInt8),
            field("id", DataType::Int32),
            field("n", DataType::Int64),
            field("new", DataType::Boolean),
        ]);
        let changes = compare(&table, &arrived).changes;
        let kinds: Vec<_> = changes.iter().map(|change| change.kind.clone()).collect();
        assert_eq!(
            kinds,
            [
                ChangeKind::ModifyColumn { column: "n".into() },
                ChangeKind::AddColumn { column: "new".into() }
            ]
        );
        let after = changes[1].after.as_ref().unwrap();
        assert_eq!(after.schema.fields().len(), 4, "the last change carries all of them");
    }
}
