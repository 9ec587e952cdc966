//! Values of one type as those of a wider column, exactly.
//!
//! Numbers become wider numbers, everything becomes text, and everything becomes JSON. What has no
//! exact form is an error, never a null and never a near value. Which type a column has is not
//! decided here, see `compare`.

use std::fmt::Write;

use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array, ListArray,
    StringArray,
    builder::StringBuilder,
    cast::AsArray,
    make_array, new_null_array,
    types::{Float32Type, Float64Type, Int64Type},
};
use arrow_cast::{
    CastOptions, cast_with_options,
    display::{ArrayFormatter, FormatOptions},
};
use arrow_schema::{ArrowError, DataType, Field};
use std::sync::Arc;

use super::{calendar::far_time, compare::is_json};

/// A value that does not fit is an error, never a null.
const EXACTLY: CastOptions<'static> =
    CastOptions { safe: false, format_options: FormatOptions::new() };
/// What a column of text holds at most: Arrow counts its bytes in 31 bits.
const TEXT_BYTES_MAX: usize = i32::MAX as usize;

/// True when values of a column go into another as they are.
pub fn fits_as_it_is(from: &Field, to: &Field) -> bool {
    from.data_type() == to.data_type() && (is_json(from) == is_json(to))
}

/// The values of column `from` in the form of column `to`.
///
/// As text, times are ISO 8601 (`infinity` and `-infinity` the last and the first of their type), bytes are
/// hexadecimal, lists are JSON and floats that are no numbers are `NaN`, `Infinity`, `-Infinity`. As JSON,
/// numbers, booleans and lists are themselves; all else is a JSON string of that text.
pub fn fit(values: &ArrayRef, from: &Field, to: &Field) -> Result<ArrayRef, ArrowError> {
    match to.data_type() {
        _ if fits_as_it_is(from, to) => Ok(Arc::clone(values)),
        // Nothing is nothing in every type, also where no value has a form in the other.
        _ if values.null_count() == values.len() => {
            Ok(new_null_array(to.data_type(), values.len()))
        }
        DataType::Utf8 if is_json(to) => {
            written(values, from, |form, row, out| form.write_json(row, out))
        }
        DataType::Utf8 => written(values, from, |form, row, out| form.write_text(row, out)),
        DataType::Float64 if *values.data_type() == DataType::Int64 => doubles(values),
        // Arrow knows no zones by name, and moments are UTC whatever their zone is called.
        DataType::Timestamp(unit, Some(zone)) if *values.data_type() == DataType::Date32 => {
            let midnights = cast_with_options(values, &DataType::Timestamp(*unit, None), &EXACTLY)?;
            let zoned = DataType::Timestamp(*unit, Some(Arc::clone(zone)));
            Ok(make_array(midnights.to_data().into_builder().data_type(zoned).build()?))
        }
        wider => cast_with_options(values, wider, &EXACTLY),
    }
}

/// Integers as doubles, where they are the same numbers.
fn doubles(integers: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let integers = integers.as_primitive::<Int64Type>();
    let exact = |integer: i64| {
        let double = integer as f64;
        // Beyond 2^63 the way back is cut to it.
        if double as i128 == i128::from(integer) {
            return Ok(double);
        }
        Err(ArrowError::CastError(format!("{integer} is no double: it would be {double}")))
    };
    Ok(Arc::new(integers.try_unary::<_, Float64Type, _>(exact)?))
}

/// The same values in a type that Arrow can write: it knows no zones by name, only offsets. Moments
/// are UTC whatever their zone is called.
pub fn printable(values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let printable = with_offsets(values.data_type());
    match printable == *values.data_type() {
        true => Ok(Arc::clone(values)),
        false => cast_with_options(values, &printable, &EXACTLY),
    }
}

fn with_offsets(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
        DataType::List(item) => {
            let item = item.as_ref().clone();
            let data_type = with_offsets(item.data_type());
            DataType::List(Arc::new(item.with_data_type(data_type)))
        }
        other => other.clone(),
    }
}

type WriteCell = fn(&Form<'_>, usize, &mut String) -> Result<(), ArrowError>;

fn written(values: &ArrayRef, from: &Field, write: WriteCell) -> Result<ArrayRef, ArrowError> {
    let values = &printable(values)?;
    let from = &from.clone().with_data_type(values.data_type().clone());
    let form = Form::of(values.as_ref(), from)?;
    let mut texts = StringBuilder::with_capacity(values.len(), values.len() * 16);
    let (mut cell, mut bytes) = (String::new(), 0_usize);
    for row in 0..values.len() {
        if values.is_null(row) {
            texts.append_null();
            continue;
        }
        cell.clear();
        write(&form, row, &mut cell)?;
        bytes += cell.len();
        if bytes > TEXT_BYTES_MAX {
            let message = format!("the texts of column `{}` have more than 2 GiB", from.name());
            return Err(ArrowError::CastError(message));
        }
        texts.append_value(&cell);
    }
    Ok(Arc::new(texts.finish()))
}

/// How values of a column are written.
enum Form<'a> {
    Text(&'a StringArray),
    Json(&'a StringArray),
    Boolean(&'a BooleanArray),
    /// Integers and decimals: the same in text and JSON.
    Number(ArrayFormatter<'a>),
    Float(&'a Float32Array, ArrayFormatter<'a>),
    Double(&'a Float64Array, ArrayFormatter<'a>),
    Uuid(&'a FixedSizeBinaryArray),
    List(&'a ListArray, Box<Form<'a>>),
    /// Times and bytes: text that JSON quotes.
    Other(&'a dyn Array, ArrayFormatter<'a>),
}

impl<'a> Form<'a> {
    fn of(values: &'a dyn Array, field: &'a Field) -> Result<Self, ArrowError> {
        let options = FormatOptions::default();
        let formatter = || ArrayFormatter::try_new(values, &options);
        Ok(match values.data_type() {
            DataType::Utf8 if is_json(field) => Self::Json(values.as_string()),
            DataType::Utf8 => Self::Text(values.as_string()),
            DataType::Boolean => Self::Boolean(values.as_boolean()),
            DataType::Float32 => Self::Float(values.as_primitive::<Float32Type>(), formatter()?),
            DataType::Float64 => Self::Double(values.as_primitive::<Float64Type>(), formatter()?),
            DataType::FixedSizeBinary(16) => Self::Uuid(values.as_fixed_size_binary()),
            DataType::List(item) => {
                let list = values.as_list::<i32>();
                Self::List(list, Box::new(Form::of(list.values().as_ref(), item)?))
            }
            other if other.is_integer() || other.is_decimal() => Self::Number(formatter()?),
            _ => Self::Other(values, formatter()?),
        })
    }

    fn write_text(&self, row: usize, out: &mut String) -> Result<(), ArrowError> {
        match self {
            Self::Text(texts) | Self::Json(texts) => out.push_str(texts.value(row)),
            Self::Float(values, _) if !values.value(row).is_finite() => {
                out.push_str(no_number(f64::from(values.value(row))));
            }
            Self::Double(values, _) if !values.value(row).is_finite() => {
                out.push_str(no_number(values.value(row)));
            }
            Self::Uuid(values) => write_uuid(values.value(row), out)?,
            Self::Boolean(_) | Self::List(..) => self.write_json(row, out)?,
            Self::Number(texts) | Self::Float(_, texts) | Self::Double(_, texts) => {
                texts.value(row).write(out)?;
            }
            Self::Other(values, texts) => match texts.value(row).write(out) {
                Ok(()) => {}
                Err(error) => out.push_str(&far_time(*values, row).ok_or(error)?),
            },
        }
        Ok(())
    }

    fn write_json(&self, row: usize, out: &mut String) -> Result<(), ArrowError> {
        match self {
            Self::Json(texts) => out.push_str(texts.value(row)),
            Self::Boolean(values) => out.push_str(if values.value(row) { "true" } else { "false" }),
            Self::Number(texts) => texts.value(row).write(out)?,
            Self::Float(values, texts) if values.value(row).is_finite() => {
                texts.value(row).write(out)?;
            }
            Self::Double(values, texts) if values.value(row).is_finite() => {
                texts.value(row).write(out)?;
            }
            Self::List(list, items) => write_list(list, items, row, out)?,
            Self::Text(texts) => write_quoted(texts.value(row), out),
            Self::Float(..) | Self::Double(..) | Self::Uuid(_) | Self::Other(..) => {
                let mut text = String::new();
                self.write_text(row, &mut text)?;
                write_quoted(&text, out);
            }
        }
        Ok(())
    }
}

fn write_list(
    list: &ListArray,
    items: &Form<'_>,
    row: usize,
    out: &mut String,
) -> Result<(), ArrowError> {
    let offset = |at: usize| list.value_offsets().get(at).map_or(0, |offset| *offset as usize);
    out.push('[');
    for (place, item) in (offset(row)..offset(row + 1)).enumerate() {
        if place > 0 {
            out.push(',');
        }
        if list.values().is_null(item) {
            out.push_str("null");
        } else {
            items.write_json(item, out)?;
        }
    }
    out.push(']');
    Ok(())
}

fn write_quoted(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

fn write_uuid(bytes: &[u8], out: &mut String) -> Result<(), ArrowError> {
    for (at, byte) in bytes.iter().enumerate() {
        let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
        write!(out, "{dash}{byte:02x}")
            .map_err(|error| ArrowError::CastError(error.to_string()))?;
    }
    Ok(())
}

fn no_number(value: f64) -> &'static str {
    match value {
        value if value.is_nan() => "NaN",
        value if value > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow_array::{
        BinaryArray, Date32Array, Decimal128Array, Int64Array, Time64MicrosecondArray,
        TimestampMicrosecondArray, types::Int64Type,
    };

    use super::*;

    fn field(data_type: &DataType, extension: &str) -> Field {
        let field = Field::new("c", data_type.clone(), true);
        match extension {
            "" => field,
            name => {
                field.with_metadata(HashMap::from([("ARROW:extension:name".into(), name.into())]))
            }
        }
    }

    fn fitted(values: &ArrayRef, from: &Field, to: &Field) -> Vec<Option<String>> {
        let fitted = fit(values, from, to).unwrap();
        assert_eq!(fitted.data_type(), to.data_type());
        fitted.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn everything_becomes_text_and_valid_json() {
        let uuid = FixedSizeBinaryArray::try_from_iter([[0x1f_u8; 16]].into_iter()).unwrap();
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1), None])]);
        let decimal = Decimal128Array::from(vec![-5]).with_precision_and_scale(10, 2).unwrap();
        let moment = 1_714_564_800_500_000;
        let cases: Vec<(ArrayRef, &str, &str, &str)> = vec![
            (
                Arc::new(StringArray::from(vec!["say \"a\\b\"\n\u{1}"])),
                "",
                "say \"a\\b\"\n\u{1}",
                r#""say \"a\\b\"\n\u0001""#,
            ),
            (
                Arc::new(StringArray::from(vec!["{\"a\": [1]}"])),
                "arrow.json",
                "{\"a\": [1]}",
                "{\"a\": [1]}",
            ),
            (
                Arc::new(Int64Array::from(vec![i64::MIN])),
                "",
                "-9223372036854775808",
                "-9223372036854775808",
            ),
            (Arc::new(Float64Array::from(vec![0.1])), "", "0.1", "0.1"),
            (Arc::new(Float64Array::from(vec![f64::NAN])), "", "NaN", "\"NaN\""),
            (
                Arc::new(Float32Array::from(vec![f32::NEG_INFINITY])),
                "",
                "-Infinity",
                "\"-Infinity\"",
            ),
            (Arc::new(BooleanArray::from(vec![true])), "", "true", "true"),
            (Arc::new(decimal), "", "-0.05", "-0.05"),
            (
                Arc::new(TimestampMicrosecondArray::from(vec![moment])),
                "",
                "2024-05-01T12:00:00.500",
                "\"2024-05-01T12:00:00.500\"",
            ),
            (
                Arc::new(TimestampMicrosecondArray::from(vec![moment]).with_timezone("UTC")),
                "",
                "2024-05-01T12:00:00.500Z",
                "\"2024-05-01T12:00:00.500Z\"",
            ),
            (Arc::new(Date32Array::from(vec![-1])), "", "1969-12-31", "\"1969-12-31\""),
            (
                Arc::new(Time64MicrosecondArray::from(vec![1])),
                "",
                "00:00:00.000001",
                "\"00:00:00.000001\"",
            ),
            (Arc::new(BinaryArray::from(vec![b"\x00\xff".as_slice()])), "", "00ff", "\"00ff\""),
            (
                Arc::new(uuid),
                "arrow.uuid",
                "1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f",
                "\"1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f\"",
            ),
            (Arc::new(list), "", "[1,null]", "[1,null]"),
        ];
        let (text, json) = (field(&DataType::Utf8, ""), field(&DataType::Utf8, "arrow.json"));
        for (values, extension, as_text, as_json) in cases {
            let from = field(values.data_type(), extension);
            assert_eq!(fitted(&values, &from, &text), [Some(as_text.to_owned())], "{from:?}");
            let found = fitted(&values, &from, &json);
            assert_eq!(found, [Some(as_json.to_owned())], "{from:?}");
            serde_json::from_str::<serde_json::Value>(found[0].as_deref().unwrap()).unwrap();
        }
    }

    #[test]
    fn times_without_an_end_are_words() {
        let moment = TimestampMicrosecondArray::from(vec![i64::MAX]).with_timezone("UTC");
        let (text, json) = (field(&DataType::Utf8, ""), field(&DataType::Utf8, "arrow.json"));
        for (values, word) in [
            (Arc::new(Date32Array::from(vec![i32::MIN])) as ArrayRef, "-infinity"),
            (Arc::new(moment), "infinity"),
        ] {
            let from = field(values.data_type(), "");
            assert_eq!(fitted(&values, &from, &text), [Some(word.to_owned())]);
            assert_eq!(fitted(&values, &from, &json), [Some(format!("\"{word}\""))]);
        }
    }

    #[test]
    fn nulls_stay_nulls_and_what_does_not_fit_is_an_error() {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(1 << 40)]));
        let from = field(&DataType::Int64, "");
        let json = field(&DataType::Utf8, "arrow.json");
        assert_eq!(fitted(&values, &from, &json), [None, Some((1_i64 << 40).to_string())]);
        assert!(fit(&values, &from, &field(&DataType::Int32, "")).is_err());
    }
    #[test]
    fn a_column_that_was_inferred_wider_takes_what_fits_exactly() {
        use arrow_array::{Date32Array, types::TimestampMicrosecondType};
        let double = field(&DataType::Float64, "");
        let integers = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
        let bigint = field(&DataType::Int64, "");
        let fits = integers(vec![None, Some(-3), Some(1 << 53), Some(i64::MIN)]);
        let doubles = fit(&fits, &bigint, &double).unwrap();
        let expected = Float64Array::from(vec![
            None,
            Some(-3.0),
            Some((1_i64 << 53) as f64),
            Some(i64::MIN as f64),
        ]);
        assert_eq!(doubles.as_primitive::<Float64Type>(), &expected);
        for no_double in [(1 << 53) + 1, i64::MAX, -(1 << 53) - 1] {
            assert!(
                fit(&integers(vec![Some(no_double)]), &bigint, &double).is_err(),
                "{no_double}"
            );
        }
        let moment =
            DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, Some("Europe/Vienna".into()));
        let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(1), None]));
        let moments = fit(&days, &field(&DataType::Date32, ""), &field(&moment, "")).unwrap();
        assert_eq!(*moments.data_type(), moment);
        assert_eq!(moments.as_primitive::<TimestampMicrosecondType>().value(0), 86_400_000_000);
        assert!(moments.is_null(1));
    }
}
