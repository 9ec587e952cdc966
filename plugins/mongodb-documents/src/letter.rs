//! Documents that no row can hold, for a person to read.

use bson::raw::RawElement;
use bson::{RawBsonRef, RawDocument};
use cartridge_warp_sdk::{DeadLetter, PAYLOAD_BYTES_MAX};

use crate::json::{self, Style};
use crate::key::ID;
use crate::mode::{FLATTENED_LEVELS_MAX, Mode};
use crate::name;
use crate::rejection::Rejection;
use crate::shape::{DOCUMENT, Shape, flattened};

/// Bytes of an `_id` that are shown beside a document that is no row.
const ID_BYTES_MAX: usize = 256;

/// A dead letter whose payload is the row as JSON, by columns, so that the operator's rules for
/// columns apply to it. A document that cannot be read to its end is shown in hexadecimal digits;
/// that is no JSON, so the host withholds it where there are such rules.
pub(crate) fn of(shape: &Shape, document: &RawDocument, why: &Rejection) -> DeadLetter {
    let payload = json_row(shape, document).unwrap_or_else(|| hexadecimal(document));
    let origin = format!("collection {}", shape.collection());
    let message = format!("{origin}: {}", why.reason);
    let id = document.get(ID).ok().flatten();
    let key = id.and_then(|id| shape.key_text(id)).map(|text| {
        let json = serde_json::Value::from(text);
        format!("{{\"{ID}\":{json}}}")
    });
    DeadLetter::new(shape.collection(), why.code, message, &payload, origin).key(key)
}

/// None when the document cannot be read.
fn json_row(shape: &Shape, document: &RawDocument) -> Option<String> {
    let mut out = vec![b'{'];
    match shape.mode() {
        Mode::Columns { max_depth } => {
            write_fields(&mut out, document, None, max_depth.min(FLATTENED_LEVELS_MAX))?;
        }
        Mode::Document => {
            let fields = document.iter_elements().filter_map(Result::ok);
            for id in fields.filter(|element| element.key().as_str() == ID) {
                write_field(&mut out, ID, &id)?;
            }
            begin_field(&mut out, DOCUMENT);
            json::write(&mut out, RawBsonRef::Document(document), Style::Shown).ok()?;
        }
    }
    out.push(b'}');
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// None when the document cannot be read; ends early when the payload is full.
fn write_fields(
    out: &mut Vec<u8>,
    document: &RawDocument,
    above: Option<&str>,
    levels: u32,
) -> Option<()> {
    for element in document.iter_elements() {
        let element = element.ok()?;
        if out.len() > PAYLOAD_BYTES_MAX {
            break;
        }
        let name = element.key().as_str();
        let path = match above {
            None if name == ID => {
                write_field(out, ID, &element)?;
                continue;
            }
            None => name.to_owned(),
            Some(above) => format!("{above}_{name}"),
        };
        match element.value().ok().and_then(|value| flattened(&value, levels)) {
            Some(inner) => write_fields(out, inner, Some(&path), levels - 1)?,
            None => write_field(out, &name::column(&path), &element)?,
        }
    }
    Some(())
}

fn write_field(out: &mut Vec<u8>, column: &str, element: &RawElement<'_>) -> Option<()> {
    begin_field(out, column);
    json::write_shown(out, element).ok()
}

fn begin_field(out: &mut Vec<u8>, column: &str) {
    if out.len() > 1 {
        out.push(b',');
    }
    json::write_string(out, column);
    out.push(b':');
}

fn hexadecimal(document: &RawDocument) -> String {
    let mut out = Vec::new();
    let id = document.get(ID).ok().flatten();
    let id = id.and_then(|id| json::write(&mut out, id, Style::Shown).ok());
    let id = id.map_or_else(|| "?".into(), |()| String::from_utf8_lossy(&out));
    let shown = &id[..id.floor_char_boundary(ID_BYTES_MAX)];
    let bytes = document.as_bytes();
    format!("_id {shown}: {}", hex::encode(&bytes[..bytes.len().min(PAYLOAD_BYTES_MAX / 2)]))
}
