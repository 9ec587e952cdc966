//! Values as JSON: relaxed extended JSON (version 2), and a canonical form for keys.
//!
//! Written straight from the raw bytes, field by field, without recursion: how deep a document is
//! nested costs no stack, and deeper than [`NESTING_MAX`] is refused.

mod extended;

use bson::raw::{RawElement, RawIter};
use bson::spec::ElementType;
use bson::{RawBsonRef, RawDocument};

use crate::rejection::Rejection;
use crate::scalar::{write_double, write_integer, write_text};

/// Levels of documents and arrays. MongoDB stores 100; common readers of JSON stop at 128.
pub(crate) const NESTING_MAX: usize = 120;

/// Documents up to so many fields are searched for duplicates by comparing each with each.
const FIELDS_COMPARED_MAX: usize = 16;

/// How numbers and symbols are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Relaxed extended JSON.
    Relaxed,
    /// What MongoDB holds for equal as a key has one text, and nothing else has it.
    Key,
    /// Relaxed extended JSON for a person, who may see a field twice.
    Shown,
}

/// Appends a value.
pub(crate) fn write(
    out: &mut Vec<u8>,
    value: RawBsonRef<'_>,
    style: Style,
) -> Result<(), Rejection> {
    let mut open = Open { frames: Vec::new(), keys: Vec::new() };
    write_value(out, value, style, &mut open)?;
    while let Some(frame) = open.frames.last_mut() {
        let Some(element) = frame.fields.next() else {
            let frame_keys = frame.keys;
            out.extend_from_slice(frame.end);
            if style != Style::Shown {
                check_duplicates(&mut open.keys[frame_keys..])?;
            }
            open.keys.truncate(frame_keys);
            open.frames.pop();
            continue;
        };
        let element = element?;
        if !std::mem::take(&mut frame.first) {
            out.push(b',');
        }
        if !frame.array {
            let key = element.key().as_str();
            open.keys.push(key);
            write_name(out, key, style);
        }
        match element.value() {
            Ok(value) => write_value(out, value, style, &mut open)?,
            Err(_) if style == Style::Shown => write_lossy(out, &element)?,
            Err(error) => return Err(Rejection::at(element.key().as_str(), error)),
        }
    }
    Ok(())
}

/// Appends a field's value for a person, whatever its text is.
pub(crate) fn write_shown(out: &mut Vec<u8>, element: &RawElement<'_>) -> Result<(), Rejection> {
    match element.value() {
        Ok(value) => write(out, value, Style::Shown),
        Err(_) => write_lossy(out, element),
    }
}

/// Text that is not UTF-8, with marks where it is not.
fn write_lossy(out: &mut Vec<u8>, element: &RawElement<'_>) -> Result<(), Rejection> {
    // Its scope may hold the same again, without an end.
    if element.element_type() == ElementType::JavaScriptCodeWithScope {
        return Err(Rejection::new("invalid-utf8", "code is not UTF-8"));
    }
    let value = element.value_utf8_lossy()?;
    write(out, value.as_raw_bson_ref(), Style::Shown)
}

/// Appends a value of a JSON column. A scalar that has a column type of its own is written as that
/// column's text, so that it reads the same whether its column was always one of JSON or became one.
pub(crate) fn write_column(out: &mut Vec<u8>, value: RawBsonRef<'_>) -> Result<(), Rejection> {
    match value {
        RawBsonRef::Double(number) if number.is_finite() => write_double(out, number),
        RawBsonRef::Symbol(text) => write_string(out, text),
        RawBsonRef::ObjectId(_)
        | RawBsonRef::DateTime(_)
        | RawBsonRef::Decimal128(_)
        | RawBsonRef::Binary(_)
        | RawBsonRef::Double(_) => quote(out, value)?,
        _ => write(out, value, Style::Relaxed)?,
    }
    Ok(())
}

/// None of these has a character that JSON escapes.
fn quote(out: &mut Vec<u8>, value: RawBsonRef<'_>) -> Result<(), Rejection> {
    out.push(b'"');
    write_text(out, value)?;
    out.push(b'"');
    Ok(())
}

/// Appends a JSON string.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    // A vector takes all bytes, and text is always JSON.
    let _ = serde_json::to_writer(out, text);
}

/// Appends a field's name. In a key a document is never taken for the form of another type, such as
/// `{"$oid": …}`: its dollar is doubled.
fn write_name(out: &mut Vec<u8>, name: &str, style: Style) {
    if style == Style::Key && name.starts_with('$') {
        write_string(out, &format!("${name}"));
    } else {
        write_string(out, name);
    }
    out.push(b':');
}

/// What is begun and not ended.
struct Open<'a> {
    frames: Vec<Frame<'a>>,
    /// Names of the fields so far, of all open documents.
    keys: Vec<&'a str>,
}

struct Frame<'a> {
    fields: RawIter<'a>,
    array: bool,
    first: bool,
    /// Where its names begin.
    keys: usize,
    end: &'static [u8],
}

impl<'a> Open<'a> {
    fn begin(
        &mut self,
        document: &'a RawDocument,
        array: bool,
        end: &'static [u8],
    ) -> Result<(), Rejection> {
        if self.frames.len() == NESTING_MAX {
            return Err(Rejection::new(
                "nesting-too-deep",
                format!("documents are nested deeper than {NESTING_MAX} levels"),
            ));
        }
        let (fields, keys) = (document.iter_elements(), self.keys.len());
        self.frames.push(Frame { fields, array, first: true, keys, end });
        Ok(())
    }
}

/// A reader of JSON keeps one of two fields of one name; which, nobody says.
fn check_duplicates(keys: &mut [&str]) -> Result<(), Rejection> {
    let twice = if keys.len() <= FIELDS_COMPARED_MAX {
        keys.iter().enumerate().find(|(at, key)| keys[..*at].contains(key)).map(|(_, key)| *key)
    } else {
        keys.sort_unstable();
        keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    };
    twice.map_or(Ok(()), |key| Err(Rejection::duplicate(key)))
}

/// Appends a scalar, or begins a document.
fn write_value<'a>(
    out: &mut Vec<u8>,
    value: RawBsonRef<'a>,
    style: Style,
    open: &mut Open<'a>,
) -> Result<(), Rejection> {
    match value {
        RawBsonRef::String(text) => write_string(out, text),
        RawBsonRef::Document(document) => {
            out.push(b'{');
            open.begin(document, false, b"}")?;
        }
        RawBsonRef::Array(array) => {
            out.push(b'[');
            open.begin(RawDocument::from_bytes(array.as_bytes())?, true, b"]")?;
        }
        RawBsonRef::Null => out.extend_from_slice(b"null"),
        RawBsonRef::Boolean(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        RawBsonRef::Int32(number) => write_integer(out, i64::from(number)),
        RawBsonRef::Int64(number) => write_integer(out, number),
        RawBsonRef::Double(number) if style != Style::Key && number.is_finite() => {
            write_double(out, number);
        }
        // MongoDB holds a symbol and a string for equal.
        RawBsonRef::Symbol(text) if style == Style::Key => write_string(out, text),
        RawBsonRef::JavaScriptCodeWithScope(code) => {
            out.extend_from_slice(b"{\"$code\":");
            write_string(out, code.code);
            out.extend_from_slice(b",\"$scope\":{");
            open.begin(code.scope, false, b"}}")?;
        }
        other => extended::write(out, other, style)?,
    }
    Ok(())
}
