//! Documents that no row can hold, for a person to read.

use bson::{RawBsonRef, RawDocument};
use cartridge_warp_sdk::{DeadLetter, PAYLOAD_BYTES_MAX};

use crate::json::{self, Style};
use crate::key::ID;
use crate::mode::{FLATTENED_LEVELS_MAX, Mode};
use crate::name;
use crate::rejection::Rejection;
use crate::shape::{DOCUMENT, Shape, flattened};

/// Bytes of an `_id` that a dead letter's origin shows.
const ID_BYTES_MAX: usize = 256;

/// A dead letter whose payload is the row as JSON, by columns, so that the operator's rules for
/// columns apply to it. A document that cannot be read to its end is shown in hexadecimal digits.
pub(crate) fn of(shape: &Shape, document: &RawDocument, why: &Rejection) -> DeadLetter {
    let payload = json_row(shape, document).unwrap_or_else(|| hexadecimal(document.as_bytes()));
    let message = format!("collection {}: {}", shape.collection(), why.reason);
    DeadLetter::new(shape.collection(), why.code, message, &payload, origin(shape, document))
}

fn origin(shape: &Shape, document: &RawDocument) -> String {
    let id = document.get(ID).ok().flatten().and_then(|id| json_text(id).ok());
    let id = id.unwrap_or_else(|| "?".to_owned());
    let shown = &id[..id.floor_char_boundary(ID_BYTES_MAX)];
    format!("{} _id {shown}", shape.collection())
}

fn json_text(value: RawBsonRef<'_>) -> Result<String, Rejection> {
    let mut out = Vec::new();
    json::write(&mut out, value, Style::Shown)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn json_row(shape: &Shape, document: &RawDocument) -> Option<String> {
    let mut out = vec![b'{'];
    match shape.mode() {
        Mode::Columns { max_depth } => {
            let levels = max_depth.min(FLATTENED_LEVELS_MAX);
            write_fields(&mut out, document, "", levels)?;
        }
        Mode::Document => {
            if let Some(id) = document.get(ID).ok()? {
                write_field(&mut out, ID, id)?;
            }
            write_field(&mut out, DOCUMENT, RawBsonRef::Document(document))?;
        }
    }
    out.push(b'}');
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// None when the document cannot be read; stops early when the payload is full.
fn write_fields(out: &mut Vec<u8>, document: &RawDocument, above: &str, levels: u32) -> Option<()> {
    for element in document.iter_elements() {
        let element = element.ok()?;
        let (name, value) = (element.key().as_str(), element.value().ok()?);
        if out.len() > PAYLOAD_BYTES_MAX {
            break;
        }
        let is_id = above.is_empty() && name == ID;
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}_{name}") };
        match flattened(&value, levels).filter(|_| !is_id) {
            Some(inner) => write_fields(out, inner, &path, levels - 1)?,
            None if is_id => write_field(out, ID, value)?,
            None => write_field(out, &name::column(&path), value)?,
        }
    }
    Some(())
}

fn write_field(out: &mut Vec<u8>, column: &str, value: RawBsonRef<'_>) -> Option<()> {
    if out.len() > 1 {
        out.push(b',');
    }
    json::write_string(out, column);
    out.push(b':');
    json::write(out, value, Style::Shown).ok()
}

fn hexadecimal(bytes: &[u8]) -> String {
    hex::encode(&bytes[..bytes.len().min(PAYLOAD_BYTES_MAX / 2)])
}
