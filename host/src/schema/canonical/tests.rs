use std::sync::Arc;

use arrow_array::{
    BinaryArray, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::Field;

use super::*;

const ROWS: usize = 200;

fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true)))
        .unwrap()
}

fn rows(batch: &RecordBatch) -> Vec<Hashed> {
    RowHasher::new([7; 32]).rows(batch, 1).unwrap()
}

fn sum(hashed: &[Hashed]) -> u128 {
    hashed.iter().fold(0, |sum, hashed| sum.wrapping_add(hashed.row))
}

/// A few numbers that look like chance and are the same each time.
fn chance(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    })
}

fn table(order: &[usize]) -> RecordBatch {
    let texts: Vec<Option<String>> =
        chance(3).take(ROWS).map(|it| (it % 5 > 0).then(|| format!("n{it}"))).collect();
    let decimals: Vec<i128> = chance(5).take(ROWS).map(i128::from).collect();
    let decimals = order.iter().map(|at| Some(decimals[*at])).collect::<Decimal128Array>();
    let decimals = decimals.with_precision_and_scale(20, 2).unwrap();
    let notes = order.iter().map(|at| texts[*at].clone()).collect::<StringArray>();
    batch([
        ("id", Arc::new(Int64Array::from_iter_values(order.iter().map(|at| *at as i64)))),
        ("note", Arc::new(notes)),
        ("price", Arc::new(decimals)),
    ])
}

#[test]
fn the_sum_knows_no_order_and_each_value_counts() {
    let ordered: Vec<usize> = (0..ROWS).collect();
    let mut shuffled = ordered.clone();
    for (at, to) in chance(11).take(ROWS).enumerate() {
        shuffled.swap(at, to as usize % ROWS);
    }
    assert_ne!(ordered, shuffled);
    let whole = sum(&rows(&table(&ordered)));
    assert_eq!(whole, sum(&rows(&table(&shuffled))));
    // Without any of the rows, and with any of them twice, it is another one.
    let mut sums = vec![whole];
    for at in 0..ROWS {
        let without: Vec<usize> = ordered.iter().copied().filter(|it| *it != at).collect();
        sums.push(sum(&rows(&table(&without))));
        let twice: Vec<usize> = ordered.iter().copied().chain([at]).collect();
        sums.push(sum(&rows(&table(&twice))));
    }
    let count = sums.len();
    sums.sort_unstable();
    sums.dedup();
    assert_eq!(sums.len(), count);
}

#[test]
fn other_secrets_make_other_numbers() {
    let columns = table(&[1]);
    let other = RowHasher::new([8; 32]).rows(&columns, 1).unwrap();
    assert_ne!(rows(&columns), other);
}

#[test]
fn values_are_compared_by_what_they_are() {
    let texts = |one: &str, other: &str| -> [ArrayRef; 2] {
        [one, other].map(|text| Arc::new(StringArray::from(vec![text])) as ArrayRef)
    };
    let floats = |one: f64, other: f64| -> [ArrayRef; 2] {
        [one, other].map(|number| Arc::new(Float64Array::from(vec![number])) as ArrayRef)
    };
    let moments = |one: i64, other: i64| -> [ArrayRef; 2] {
        [one, other].map(|micros| {
            Arc::new(TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC")) as ArrayRef
        })
    };
    let null: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
    let empty: ArrayRef = Arc::new(StringArray::from(vec![""]));
    let nan = f64::from_bits(f64::NAN.to_bits() ^ 1);
    let cases = [
        ("one text", texts("a", "a"), true),
        ("a blank more", texts("a", "a "), false),
        ("text is exact", texts("1.0", "1.00"), false),
        ("no text and an empty one", [null, empty], false),
        ("both zeros", floats(0.0, -0.0), true),
        ("numbers that are none", floats(f64::NAN, nan), true),
        ("another last digit", floats(0.1, 0.1 + f64::EPSILON), false),
        ("an hour later", moments(0, 3_600_000_000), false),
    ];
    for (name, [one, other], is_equal) in cases {
        let field = Field::new("c", one.data_type().clone(), true);
        assert_eq!(is_same(&field, (&one, 0), (&other, 0)).unwrap(), is_equal, "{name}");
        let (one, other) = (batch([("c", one)]), batch([("c", other)]));
        assert_eq!(rows(&one) == rows(&other), is_equal, "{name}");
    }
}

#[test]
fn values_do_not_run_into_each_other() {
    let pair = |one: &[u8], other: &[u8]| {
        let values = |value: &[u8]| Arc::new(BinaryArray::from_vec(vec![value])) as ArrayRef;
        rows(&batch([("a", values(one)), ("b", values(other))]))
    };
    assert_ne!(pair(b"ab", b"c"), pair(b"a", b"bc"));
    assert_eq!(pair(b"ab", b"c")[0].key, pair(b"ab", b"d")[0].key);
    assert_ne!(pair(b"ab", b"c")[0].row, pair(b"ab", b"d")[0].row);
    // A part of a longer column.
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let part = batch([("a", numbers.slice(1, 1))]);
    assert_eq!(rows(&part), [rows(&batch([("a", numbers)]))[1]]);
}
