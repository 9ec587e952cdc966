//! Values of a column in the type that an operator gave it: the same values, or none.
//!
//! Where `fit` carries a column over to a wider one, this goes wherever a value may go, and says of each
//! row whether it did. What a type does not have is refused; no value is cut, rounded or guessed.

mod exact;
mod parse;
#[cfg(test)]
mod tests;

use arrow_array::{Array, ArrayRef, new_null_array};
use arrow_schema::{ArrowError, DataType, Field};

use super::{
    compare::{is_json, is_unseen},
    fit, fits_as_it_is,
};
use crate::model::ColumnType;

/// A column in its other type.
#[derive(Debug)]
pub struct Converted {
    /// NULL where a value was refused.
    pub values: ArrayRef,
    /// The rows whose values the type does not have.
    pub refused: Vec<usize>,
}

/// How values of one type become values of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// They are that already.
    Same,
    /// There is none yet, and the type is a guess.
    Unseen,
    /// Every value has a text, or a JSON form.
    Written,
    /// Texts that say such a value.
    Parsed,
    /// Numbers by their digits, where no other number would be said by fewer.
    Respelt,
    /// By Arrow, where the way back leads to the same value.
    Cast,
}

/// The way from a column to a type; none where no value could go it.
pub fn way(from: &Field, to: ColumnType) -> Option<Way> {
    use ColumnType as To;
    if is_unseen(from) {
        return Some(Way::Unseen);
    }
    if fits_as_it_is(from, &to.field(from.name())) {
        return Some(Way::Same);
    }
    let is_whole = matches!(to, To::Integer | To::Bigint);
    let is_float = matches!(to, To::Real | To::Double);
    let is_decimal = matches!(to, To::Decimal { .. });
    let cast = |possible: bool| possible.then_some(Way::Cast);
    match from.data_type() {
        DataType::Utf8 if is_json(from) => (to == To::Text).then_some(Way::Written),
        DataType::Utf8 => Some(Way::Parsed),
        _ if matches!(to, To::Text | To::Json) => Some(Way::Written),
        DataType::Boolean => cast(is_whole),
        from if from.is_integer() => cast(is_whole || is_float || is_decimal || to == To::Boolean),
        from if from.is_decimal() && is_float => Some(Way::Respelt),
        from if from.is_decimal() => cast(is_whole || is_decimal),
        from if from.is_floating() && is_decimal => Some(Way::Respelt),
        from if from.is_floating() => cast(is_whole || is_float),
        DataType::Date32 => cast(matches!(to, To::Timestamp | To::Timestamptz)),
        DataType::Timestamp(..) => cast(matches!(to, To::Date | To::Timestamp | To::Timestamptz)),
        _ => None,
    }
}

/// Whether a column is known by a type of its source that Arrow has not, which the destination may have.
pub fn has_own_type(field: &Field) -> bool {
    field.metadata().contains_key("warp:type")
}

/// Whether different keys stay different ones and equal ones equal, as their own type tells them apart.
pub fn keeps_keys(from: &Field, to: ColumnType) -> bool {
    match way(from, to) {
        Some(Way::Unseen) => true,
        // Texts may stand for values of a type that Arrow lacks, and be equal otherwise.
        Some(Way::Same) => !has_own_type(from),
        // `1` and `01` are two texts; `0` and `-0`, or two forms of one document, are one key.
        Some(Way::Written) => {
            let data_type = from.data_type();
            let has_one_text = !is_json(from) && !data_type.is_floating() && !data_type.is_nested();
            to == ColumnType::Text && has_one_text
        }
        Some(Way::Cast) => !from.data_type().is_floating() && !to.data_type().is_floating(),
        Some(Way::Parsed | Way::Respelt) | None => false,
    }
}

/// The values of column `from` as those of type `to`. Moments and times without a zone are turned into
/// each other as of UTC.
pub fn convert(values: &ArrayRef, from: &Field, to: ColumnType) -> Result<Converted, ArrowError> {
    let target = to.field(from.name());
    let all = |values| Ok(Converted { values, refused: Vec::new() });
    match way(from, to) {
        _ if values.null_count() == values.len() => {
            all(new_null_array(target.data_type(), values.len()))
        }
        Some(Way::Same) => all(ArrayRef::clone(values)),
        Some(Way::Written) => all(fit(values, from, &target)?),
        Some(Way::Parsed) => parse::texts(values, to),
        Some(Way::Respelt) => {
            let texts = fit(values, from, &ColumnType::Text.field(from.name()))?;
            parse::texts(&texts, to)
        }
        Some(Way::Cast) => exact::cast(values, target.data_type()),
        Some(Way::Unseen) | None => Err(ArrowError::CastError(format!(
            "column `{}` of type {} has no way to {to}",
            from.name(),
            from.data_type()
        ))),
    }
}
