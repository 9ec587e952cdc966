//! What stands in place of masked values.
//!
//! A masked value is that of its text: as a column of text would hold it (`schema::fit`). NULL stays
//! NULL, which is known of a row without its value.

use arrow_array::{Array, ArrayRef, StringArray, cast::AsArray, new_null_array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, Field};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::sync::Arc;

use crate::{
    config::{HashKey, Mask},
    model::ColumnType,
    plugin::hex,
    schema::{far_time, fit, printable},
};

/// What stands for everything that is not kept, however long it is.
const HIDDEN: &str = "***";
/// What the key's fingerprint is the hash of.
const FINGERPRINT_OF: &[u8] = b"cartridge-warp hash key";
/// Enough to tell keys apart, too little to find one by.
const FINGERPRINT_DIGITS: usize = 16;

/// The column that holds the masked values of another.
pub fn masked_field(mask: Mask, field: &Field, name: &str) -> Field {
    match mask {
        Mask::Redact => field.clone().with_name(name),
        _ => Field::new(name, DataType::Utf8, true),
    }
}

/// The masked values of a column.
pub fn masked(
    mask: Mask,
    values: &ArrayRef,
    from: &Field,
    key: Option<&HashKey>,
) -> Result<ArrayRef, ArrowError> {
    let of_texts = |masked: &dyn Fn(&str) -> String| -> Result<ArrayRef, ArrowError> {
        let texts = fit(values, from, &ColumnType::Text.field(from.name()))?;
        let texts = texts.as_string::<i32>().iter();
        Ok(Arc::new(texts.map(|text| text.map(masked)).collect::<StringArray>()))
    };
    match mask {
        Mask::Redact => Ok(new_null_array(values.data_type(), values.len())),
        Mask::HashUnkeyed => hashed(values),
        Mask::Hash => {
            let mac = mac(key)?;
            of_texts(&|text| keyed(&mac, text.as_bytes()))
        }
        Mask::Email => of_texts(&|text| match text.rsplit_once('@') {
            Some((_, domain)) => format!("{HIDDEN}@{domain}"),
            None => HIDDEN.to_owned(),
        }),
        Mask::Keep { first, last } => of_texts(&|text| kept(text, first as usize, last as usize)),
    }
}

/// Tells a key from others, and not what it is.
pub fn fingerprint(key: &HashKey) -> Option<String> {
    let digits = keyed(&mac(Some(key)).ok()?, FINGERPRINT_OF);
    digits.get(..FINGERPRINT_DIGITS).map(str::to_owned)
}

fn mac(key: Option<&HashKey>) -> Result<Hmac<Sha256>, ArrowError> {
    let mac = key.and_then(|key| Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok());
    mac.ok_or_else(|| ArrowError::InvalidArgumentError("there is no `hash_key`".to_owned()))
}

fn keyed(mac: &Hmac<Sha256>, bytes: &[u8]) -> String {
    let mut mac = mac.clone();
    mac.update(bytes);
    hex(&mac.finalize().into_bytes())
}

/// Characters are Unicode's scalar values: an accent that is a character of its own counts as one. A text
/// of which all would be kept is hidden.
fn kept(text: &str, first: usize, last: usize) -> String {
    if text.chars().count() <= first.saturating_add(last) {
        return HIDDEN.to_owned();
    }
    let place = |character: usize| text.char_indices().nth(character).map_or(text.len(), |it| it.0);
    let end = text.char_indices().rev().nth(last.saturating_sub(1)).map_or(0, |it| it.0);
    let end = if last == 0 { text.len() } else { end };
    format!("{}{HIDDEN}{}", &text[..place(first)], &text[end..])
}

/// A plain hash of the text that Arrow writes; other releases made the same.
fn hashed(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let options = FormatOptions::default();
    let column = printable(column)?;
    let text = ArrayFormatter::try_new(column.as_ref(), &options)?;
    let hash = |row: usize| -> Result<Option<String>, ArrowError> {
        if column.is_null(row) {
            return Ok(None);
        }
        let value = text.value(row).try_to_string();
        let value = value.or_else(|error| far_time(column.as_ref(), row).ok_or(error))?;
        Ok(Some(hex(&Sha256::digest(value.as_bytes()))))
    };
    let hashes: StringArray = (0..column.len()).map(hash).collect::<Result<_, _>>()?;
    Ok(Arc::new(hashes))
}

#[cfg(test)]
mod tests {
    use arrow_array::{FixedSizeBinaryArray, Int64Array};

    use super::*;

    const KEY: &str = "a key of some length";

    fn texts(mask: Mask, values: &ArrayRef, from: &Field) -> Vec<Option<String>> {
        let key = HashKey::new(KEY);
        let masked = masked(mask, values, from, Some(&key)).unwrap();
        masked.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn partial_masks_keep_what_they_say_and_no_more() {
        let keep = |first, last| Mask::Keep { first, last };
        for (mask, text, expected) in [
            (keep(0, 4), "4111111111111111", "***1111"),
            (keep(1, 0), "Ana", "A***"),
            (keep(2, 2), "abcde", "ab***de"),
            (keep(2, 2), "abcd", "***"),
            (keep(0, 4), "123", "***"),
            (keep(1, 0), "", "***"),
            (keep(1, 1), "äöü", "ä***ü"),
            (keep(1, 0), "e\u{301}a", "e***"),
            (keep(u32::MAX, u32::MAX), "all of it", "***"),
            (Mask::Email, "ana@example.com", "***@example.com"),
            (Mask::Email, "\"a@b\"@example.com", "***@example.com"),
            (Mask::Email, "no address", "***"),
            (Mask::Email, "@", "***@"),
        ] {
            let values: ArrayRef = Arc::new(StringArray::from(vec![Some(text), None]));
            let found = texts(mask, &values, &Field::new("c", DataType::Utf8, true));
            assert_eq!(found, [Some(expected.to_owned()), None], "{mask:?} of {text}");
        }
    }

    #[test]
    fn hashes_are_of_texts_and_of_the_key() {
        let text = |text: &str| {
            let values: ArrayRef = Arc::new(StringArray::from(vec![text]));
            (values, Field::new("c", DataType::Utf8, true))
        };
        let number: ArrayRef = Arc::new(Int64Array::from(vec![42]));
        let uuid = FixedSizeBinaryArray::try_from_iter([[0x1f_u8; 16]].into_iter()).unwrap();
        let uuid: ArrayRef = Arc::new(uuid);
        let hash = |mask, (values, from): &(ArrayRef, Field)| texts(mask, values, from).remove(0);
        let number = (number, Field::new("n", DataType::Int64, true));
        let uuid = (uuid, Field::new("u", DataType::FixedSizeBinary(16), true));
        assert_eq!(hash(Mask::Hash, &number), hash(Mask::Hash, &text("42")));
        let written = text("1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f");
        assert_eq!(hash(Mask::Hash, &uuid), hash(Mask::Hash, &written));
        // `printf 42 | openssl dgst -sha256 -hmac 'a key of some length'`
        let expected = "866e69ba23f1bd284fb34dee59f29f0ba8a3d3b8038f8fd03a35dadb8e360673";
        assert_eq!(hash(Mask::Hash, &number).as_deref(), Some(expected));
        assert_ne!(hash(Mask::Hash, &number), hash(Mask::HashUnkeyed, &number));
        let plain = "73475cb40a568e8da8a045ced110137e159f890ac4da883b6b17dc651b3a8049";
        assert_eq!(hash(Mask::HashUnkeyed, &number).as_deref(), Some(plain), "as ever");
        let fingerprints = [KEY, "another key of that"].map(|key| fingerprint(&HashKey::new(key)));
        assert!(fingerprints[0] != fingerprints[1] && !fingerprints.contains(&None));
        assert!(masked(Mask::Hash, &number.0, &number.1, None).is_err(), "never without a key");
    }
}
