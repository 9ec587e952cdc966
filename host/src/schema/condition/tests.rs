//! Conditions on Arrow's columns, held against a plain evaluator of one row at a time.

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{Field, FieldRef, Schema};

use super::{Filter, Lacking, Misfit, Truth};
use crate::model::{ColumnType, Comparison, Condition, Expr, Literal, Operand};

type Columns = Vec<(Field, ArrayRef)>;

fn bound(condition: &str, columns: &Columns) -> Result<Filter, Misfit> {
    let field = |name: &str| -> Option<FieldRef> {
        let (field, _) = columns.iter().find(|(field, _)| field.name() == name)?;
        Some(Arc::new(field.clone()))
    };
    Filter::new(&condition.parse::<Condition>().unwrap(), &field, false)
}

fn batch(columns: &Columns) -> RecordBatch {
    let (fields, values): (Vec<_>, Vec<_>) = columns.iter().cloned().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), values).unwrap()
}

fn truths(condition: &str, columns: &Columns) -> Vec<Truth> {
    let filter = bound(condition, columns).unwrap_or_else(|error| panic!("{condition}: {error:?}"));
    filter.truths(&batch(columns), Lacking::Unsent).unwrap()
}

fn column(name: &str, kind: ColumnType, values: ArrayRef) -> (Field, ArrayRef) {
    (kind.field(name), values)
}

/// One row with a value of each type.
fn one_of_each() -> Columns {
    let decimal = ColumnType::Decimal { precision: 10, scale: 2 };
    let hundredths = Decimal128Array::from(vec![1050]).with_precision_and_scale(10, 2).unwrap();
    let moment = TimestampMicrosecondArray::from(vec![1_700_000_000_000_000]).with_timezone("UTC");
    let uuid = FixedSizeBinaryArray::try_from_iter([[0x1f_u8; 16]].into_iter()).unwrap();
    let mut mood = ColumnType::Text.field("mood");
    mood.set_metadata([("warp:type".to_owned(), "mood".to_owned())]);
    vec![
        column("n", ColumnType::Bigint, Arc::new(Int64Array::from(vec![i64::MAX]))),
        column("d", decimal, Arc::new(hundredths)),
        column("f", ColumnType::Double, Arc::new(Float64Array::from(vec![f64::NAN]))),
        column("r", ColumnType::Real, Arc::new(Float32Array::from(vec![0.1]))),
        column("t", ColumnType::Text, Arc::new(StringArray::from(vec!["50% of\nä_b"]))),
        column("b", ColumnType::Boolean, Arc::new(BooleanArray::from(vec![true]))),
        column("day", ColumnType::Date, Arc::new(Date32Array::from(vec![19_675]))),
        column("at", ColumnType::Timestamptz, Arc::new(moment)),
        column("id", ColumnType::Uuid, Arc::new(uuid)),
        (mood, Arc::new(StringArray::from(vec!["sad"]))),
        column("doc", ColumnType::Json, Arc::new(StringArray::from(vec!["{}"]))),
    ]
}

#[test]
fn values_compare_as_what_they_are() {
    let row = one_of_each();
    for (condition, expected) in [
        ("n = 9223372036854775807", true),
        ("n < 9223372036854775807.5", true),
        ("n > 9223372036854775806.99", true),
        ("n < 99999999999999999999999999999999999999999999999999999999999999999999999999", true),
        ("d = 10.5", true),
        ("d > 10.4999999", true),
        ("d <> 10.501", true),
        ("d < -0.001", false),
        ("n > d", true),
        ("f > 99999999", true),
        ("r = 0.1", true),
        ("t LIKE '50\\% of%'", true),
        ("t LIKE '%\\%_of__%b'", true),
        ("t LIKE '50_ of'", false),
        ("t >= '50'", true),
        ("b AND NOT (b = FALSE)", true),
        ("day = '2023-11-14'", true),
        ("at >= '2023-11-14 22:13:20Z' AND at < '2023-11-15T00:13:20.000001+02:00'", true),
        ("id = '1F1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f'", true),
        ("mood IN ('glad', 'sad') AND mood <> t", true),
        ("doc IS NOT NULL", true),
        ("FALSE OR n IS NULL", false),
    ] {
        assert_eq!(truths(condition, &row), [Truth::of(expected)], "{condition}");
    }
}

#[test]
fn what_makes_no_sense_of_a_type_is_said_in_its_words() {
    let row = one_of_each();
    for (condition, what) in [
        ("n = '5'", "compares the text '5' with `n` of type bigint"),
        ("t < 5", "compares the number 5 with `t` of type text"),
        ("b = 1", "compares the number 1 with `b` of type boolean"),
        ("b > FALSE", "asks for the order of `b`"),
        ("mood < 'x'", "asks for the order of `mood` of type mood"),
        ("t < mood", "asks for the order of `mood`"),
        ("n", "compares true with `n` of type bigint"),
        ("n = t", "compares `n` of type bigint with `t`"),
        ("n = f", "compares `n` of type bigint with `f`"),
        ("day = '2023-02-30'", "compares the text '2023-02-30' with `day` of type date"),
        ("at > '2023-11-14 22:13:20'", "with `at` of type timestamptz"),
        ("doc = '{}'", "with `doc` of type json"),
        ("n LIKE '5%'", "has LIKE behind `n`"),
        ("r = 1000000000000000000000000000000000000000", "with `r` of type real"),
    ] {
        match bound(condition, &row) {
            Err(Misfit::Type { what: said, help }) => {
                assert!(said.contains(what) && !help.is_empty(), "{condition}: {said}");
            }
            other => panic!("{condition}: {other:?}"),
        }
    }
    assert_eq!(bound("m = 5", &row).err(), Some(Misfit::Lacks("m".into())));
}

#[test]
fn columns_without_values_yet_and_rows_without_columns() {
    let field = |_: &str| None;
    let lacking = |condition: &str, lacking| {
        let rows =
            batch(&vec![column("x", ColumnType::Bigint, Arc::new(Int64Array::from(vec![1])))]);
        let filter = Filter::new(&condition.parse().unwrap(), &field, true).unwrap();
        filter.truths(&rows, lacking).unwrap()
    };
    assert_eq!(lacking("a = 1", Lacking::Null), [Truth::Unknown]);
    assert_eq!(lacking("a LIKE 'x'", Lacking::Null), [Truth::Unknown]);
    assert_eq!(lacking("a IS NULL", Lacking::Null), [Truth::Yes]);
    assert_eq!(lacking("a IS NULL", Lacking::Unsent), [Truth::Unsent]);
    assert_eq!(lacking("a = 1 AND FALSE", Lacking::Unsent), [Truth::No]);
}

/// A value of a plain row.
#[derive(Clone, Debug, PartialEq)]
enum Plain {
    Null,
    /// In thousandths.
    Number(i128),
    Text(String),
    Boolean(bool),
}

type Row = BTreeMap<&'static str, Plain>;

/// SQL's three values, as one reads them in a book.
fn plainly(expr: &Expr, row: &Row) -> Option<bool> {
    let value = |column: &str| row[column].clone();
    let literal = |literal: &Literal| match literal {
        Literal::Text(text) => Plain::Text(text.clone()),
        Literal::Boolean(value) => Plain::Boolean(*value),
        Literal::Number(digits) => {
            Plain::Number((digits.parse::<f64>().unwrap() * 1000.0).round() as i128)
        }
    };
    match expr {
        Expr::Constant(value) => Some(*value),
        Expr::Column(column) => compared(value(column), Comparison::Equal, Plain::Boolean(true)),
        Expr::Not(part) => plainly(part, row).map(|it| !it),
        Expr::All(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| plainly(part, row)).collect();
            if parts.contains(&Some(false)) {
                Some(false)
            } else {
                parts.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
            }
        }
        Expr::Any(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| plainly(part, row)).collect();
            if parts.contains(&Some(true)) {
                Some(true)
            } else {
                parts.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
            }
        }
        Expr::IsNull(column) => Some(value(column) == Plain::Null),
        Expr::Compare { column, comparison, with } => {
            let with = match with {
                Operand::Column(other) => value(other),
                Operand::Literal(it) => literal(it),
            };
            compared(value(column), *comparison, with)
        }
        Expr::OneOf { column, list } => {
            let value = value(column);
            (value != Plain::Null).then(|| list.iter().any(|it| literal(it) == value))
        }
        Expr::Like { column, pattern } => match value(column) {
            Plain::Text(text) => {
                Some(like(&text.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>()))
            }
            _ => None,
        },
    }
}

fn compared(one: Plain, comparison: Comparison, other: Plain) -> Option<bool> {
    let order = match (one, other) {
        (Plain::Number(one), Plain::Number(other)) => one.cmp(&other),
        (Plain::Text(one), Plain::Text(other)) => one.cmp(&other),
        (Plain::Boolean(one), Plain::Boolean(other)) => one.cmp(&other),
        _ => return None,
    };
    Some(comparison.holds(order))
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match (pattern, text) {
        ([], text) => text.is_empty(),
        (['%', rest @ ..], text) => (0..=text.len()).any(|skip| like(&text[skip..], rest)),
        (['_', rest @ ..], [_, text @ ..]) => like(text, rest),
        ([c, rest @ ..], [first, text @ ..]) => c == first && like(text, rest),
        _ => false,
    }
}

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn condition(&mut self, depth: usize) -> String {
        let choice = if depth == 0 { 3 + self.below(6) } else { self.below(9) };
        match choice {
            0 => format!("({} AND {})", self.condition(depth - 1), self.condition(depth - 1)),
            1 => format!("({} OR {})", self.condition(depth - 1), self.condition(depth - 1)),
            2 => format!("NOT ({})", self.condition(depth - 1)),
            3 => {
                let (column, sign) =
                    (self.one_of(&["n", "d"]), self.one_of(&["=", "<>", "<", "<=", ">", ">="]));
                format!(
                    "{column} {sign} {}",
                    self.one_of(&["0", "1", "-1.5", "2.25", "1.001", "n", "d"])
                )
            }
            4 => format!(
                "t {} '{}'",
                self.one_of(&["=", "<>", "<", ">="]),
                self.one_of(&["", "a", "ab", "ö"])
            ),
            5 => format!("t LIKE '{}'", self.one_of(&["a%", "%b", "_", "%", "a_"])),
            6 => format!("{} IS NULL", self.one_of(&["n", "d", "t", "b"])),
            7 => format!("{} IN (1, 2.25, -1.5)", self.one_of(&["n", "d"])),
            _ => self.one_of(&["b", "NOT b", "b = FALSE", "TRUE"]).to_owned(),
        }
    }

    fn value(&mut self, column: &str) -> Plain {
        let number =
            |whole: &[i128], chance: &mut Self| Plain::Number(whole[chance.below(whole.len())]);
        match (self.below(4), column) {
            (0, _) => Plain::Null,
            (_, "n") => number(&[0, 1000, 2000, -2000], self),
            (_, "d") => number(&[0, 1000, 2250, -1500], self),
            (_, "t") => Plain::Text(self.one_of(&["", "a", "ab", "b", "ö"]).to_owned()),
            _ => Plain::Boolean(self.below(2) == 0),
        }
    }

    fn row(&mut self) -> Row {
        ["n", "d", "t", "b"].into_iter().map(|column| (column, self.value(column))).collect()
    }
}

fn arrow(rows: &[Row]) -> Columns {
    let numbers = |column: &str, unit: i128| -> Vec<Option<i128>> {
        let number = |row: &Row| match row[column] {
            Plain::Number(thousandths) => Some(thousandths / unit),
            _ => None,
        };
        rows.iter().map(number).collect()
    };
    let n: Int64Array = numbers("n", 1000).into_iter().map(|it| it.map(|it| it as i64)).collect();
    let d = Decimal128Array::from(numbers("d", 10)).with_precision_and_scale(10, 2).unwrap();
    let t: StringArray = rows
        .iter()
        .map(|row| match &row["t"] {
            Plain::Text(text) => Some(text.clone()),
            _ => None,
        })
        .collect();
    let b: BooleanArray = rows
        .iter()
        .map(|row| match row["b"] {
            Plain::Boolean(value) => Some(value),
            _ => None,
        })
        .collect();
    vec![
        column("n", ColumnType::Bigint, Arc::new(n)),
        column("d", ColumnType::Decimal { precision: 10, scale: 2 }, Arc::new(d)),
        column("t", ColumnType::Text, Arc::new(t)),
        column("b", ColumnType::Boolean, Arc::new(b)),
    ]
}

#[test]
fn batches_are_asked_as_single_rows_are() {
    let mut chance = Chance(7);
    let rows: Vec<Row> = (0..64).map(|_| chance.row()).collect();
    let columns = arrow(&rows);
    for _ in 0..3000 {
        let text = chance.condition(3);
        let parsed: Condition = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let plain = rows.iter().map(|row| match plainly(parsed.expr(), row) {
            Some(is_true) => Truth::of(is_true),
            None => Truth::Unknown,
        });
        assert_eq!(truths(&text, &columns), plain.collect::<Vec<_>>(), "{text}");
    }
}

/// Whatever the value is that was not sent, what is said of its row holds.
#[test]
fn what_is_said_of_a_row_holds_for_every_value_that_was_not_sent() {
    let mut chance = Chance(11);
    let (mut decided, mut open) = (0, 0);
    for _ in 0..3000 {
        let (text, row) = (chance.condition(3), chance.row());
        let (ordinal, column) = [(0_usize, "n"), (1, "d"), (2, "t"), (3, "b")][chance.below(4)];
        let mut columns = arrow(std::slice::from_ref(&row));
        let bits = BinaryArray::from(vec![Some([1_u8 << ordinal].as_slice())]);
        let unchanged = Field::new("_unchanged", arrow_schema::DataType::Binary, true);
        columns.push((unchanged, Arc::new(bits)));
        let truth = truths(&text, &columns)[0];
        if truth == Truth::Unsent {
            open += 1;
            assert!(text.contains(column), "{text} does not ask about {column}");
            continue;
        }
        decided += 1;
        let parsed: Condition = text.parse().unwrap();
        for _ in 0..20 {
            let mut other = row.clone();
            other.insert(column, chance.value(column));
            let plain = plainly(parsed.expr(), &other).map_or(Truth::Unknown, Truth::of);
            assert_eq!(truth, plain, "{text} without {column} of {other:?}");
        }
    }
    assert!(decided > 500 && open > 500, "{decided} {open}");
}
