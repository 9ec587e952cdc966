//! Values that JSON has no form for: extended JSON, one form for each type.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bson::oid::ObjectId;
use bson::raw::{RawDbPointerRef, cstr};
use bson::{DateTime, RawBsonRef, RawDocumentBuf};

use super::{Style, write_string};
use crate::number::Normal;
use crate::rejection::Rejection;
use crate::scalar::{object_id, write_double, write_integer, write_moment};

/// The last millisecond of the year 9999.
const ISO_MILLIS_MAX: i64 = 253_402_300_799_999;

/// Appends a value that JSON has no form for.
pub(super) fn write(
    out: &mut Vec<u8>,
    value: RawBsonRef<'_>,
    style: Style,
) -> Result<(), Rejection> {
    match value {
        RawBsonRef::Double(number) if style == Style::Key => {
            write_number(out, &Normal::of_double(number));
        }
        RawBsonRef::Double(number) => {
            wrap(out, b"{\"$numberDouble\":\"", |out| write_double(out, number));
        }
        RawBsonRef::Decimal128(number) if style == Style::Key => {
            write_number(out, &Normal::of_decimal(number));
        }
        RawBsonRef::Decimal128(number) => wrap(out, b"{\"$numberDecimal\":\"", |out| {
            out.extend_from_slice(number.to_string().as_bytes());
        }),
        RawBsonRef::ObjectId(id) => {
            wrap(out, b"{\"$oid\":\"", |out| out.extend_from_slice(&object_id(id)));
        }
        RawBsonRef::DateTime(moment) => write_date(out, moment, style)?,
        RawBsonRef::Binary(binary) => {
            wrap(out, b"{\"$binary\":{\"base64\":\"", |out| {
                out.extend_from_slice(BASE64_STANDARD.encode(binary.bytes).as_bytes());
                let subtype = format!("\",\"subType\":\"{:02x}", u8::from(binary.subtype));
                out.extend_from_slice(subtype.as_bytes());
            });
            out.push(b'}');
        }
        RawBsonRef::RegularExpression(regex) => {
            text(out, b"{\"$regularExpression\":{\"pattern\":", regex.pattern.as_str(), b"");
            text(out, b",\"options\":", regex.options.as_str(), b"}}");
        }
        RawBsonRef::Timestamp(timestamp) => out.extend_from_slice(
            format!(
                "{{\"$timestamp\":{{\"t\":{},\"i\":{}}}}}",
                timestamp.time, timestamp.increment
            )
            .as_bytes(),
        ),
        RawBsonRef::JavaScriptCode(code) => text(out, b"{\"$code\":", code, b"}"),
        RawBsonRef::Symbol(symbol) => text(out, b"{\"$symbol\":", symbol, b"}"),
        RawBsonRef::DbPointer(pointer) => {
            let (namespace, id) = parts_of_pointer(pointer);
            text(out, b"{\"$dbPointer\":{\"$ref\":", &namespace, b",\"$id\":");
            wrap(out, b"{\"$oid\":\"", |out| out.extend_from_slice(&object_id(id)));
            out.extend_from_slice(b"}}");
        }
        RawBsonRef::MinKey => out.extend_from_slice(b"{\"$minKey\":1}"),
        RawBsonRef::MaxKey => out.extend_from_slice(b"{\"$maxKey\":1}"),
        // Undefined; for all else JSON has a form.
        _ => out.extend_from_slice(b"{\"$undefined\":true}"),
    }
    Ok(())
}

fn text(out: &mut Vec<u8>, start: &[u8], text: &str, end: &[u8]) {
    out.extend_from_slice(start);
    write_string(out, text);
    out.extend_from_slice(end);
}

/// The library keeps both to itself, but not their bytes: a document with the pointer alone is its
/// length, a type, an empty name, the namespace behind its length, and the id.
fn parts_of_pointer(pointer: RawDbPointerRef<'_>) -> (String, ObjectId) {
    const NAMESPACE_AT: usize = 4 + 1 + 1 + 4;
    const END: usize = 1 + 12 + 1;
    let mut document = RawDocumentBuf::new();
    document.append(cstr!(""), RawBsonRef::DbPointer(pointer));
    let bytes = document.as_bytes();
    let rest = bytes.get(NAMESPACE_AT..).unwrap_or_default();
    let (namespace, end) = rest.split_at(rest.len().saturating_sub(END));
    let id = end.get(1..13).and_then(|id| id.try_into().ok()).unwrap_or_default();
    (String::from_utf8_lossy(namespace).into_owned(), ObjectId::from_bytes(id))
}

fn wrap(out: &mut Vec<u8>, start: &[u8], content: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(start);
    content(out);
    out.extend_from_slice(b"\"}");
}

fn write_number(out: &mut Vec<u8>, number: &Normal) {
    match number {
        Normal::Exact(exact) => out.extend_from_slice(exact.to_json().as_bytes()),
        Normal::Double(text) => wrap(out, b"{\"$numberDouble\":\"", |out| {
            out.extend_from_slice(text.as_bytes());
        }),
    }
}

/// ISO 8601 where a reader of extended JSON expects it, else milliseconds since 1970.
fn write_date(out: &mut Vec<u8>, moment: DateTime, style: Style) -> Result<(), Rejection> {
    let millis = moment.timestamp_millis();
    if style != Style::Key && (0..=ISO_MILLIS_MAX).contains(&millis) {
        out.extend_from_slice(b"{\"$date\":\"");
        write_moment(out, moment)?;
        out.extend_from_slice(b"\"}");
    } else {
        wrap(out, b"{\"$date\":{\"$numberLong\":\"", |out| write_integer(out, millis));
        out.push(b'}');
    }
    Ok(())
}
