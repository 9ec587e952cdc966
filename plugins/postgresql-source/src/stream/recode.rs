//! The log of a database whose encoding has characters that UTF-8 has not, or none at all.
//!
//! The server converts what it sends, and where one character has no counterpart it refuses the whole read.
//! Then the log is read as it is stored, and the server converts the texts of a batch: those that it cannot
//! convert are dead letters of their rows, and the others go on.

use bytes::Bytes;
use cartridge_warp_sdk::Failure;
use postgresql_client::UNTRANSLATABLE;
use postgresql_client::tokio_postgres::types::ToSql;

use super::batch::Change;
use crate::pgoutput::Field;
use crate::session::{Session, unexpected};

/// Texts in one query.
const TEXTS_MAX: usize = 1000;
/// Begins no text of UTF-8.
const NO_TEXT: u8 = 0xff;

/// Converts the texts of rows that were read as they are stored.
pub fn recode(session: &Session, changes: &mut [Change]) -> Result<(), Failure> {
    let fields = changes.iter_mut().flat_map(|change| &mut change.tuple.0);
    // ASCII is the same in every encoding that a database can have.
    let mut texts: Vec<&mut Bytes> = fields
        .filter_map(|field| match field {
            Field::Text(text) if !text.is_ascii() => Some(text),
            _ => None,
        })
        .collect();
    texts.chunks_mut(TEXTS_MAX).try_for_each(|some| convert(session, some))
}

fn convert(session: &Session, texts: &mut [&mut Bytes]) -> Result<(), Failure> {
    let stored: Vec<&[u8]> = texts.iter().map(|text| &text[..]).collect();
    let sql = "SELECT convert_from(text, getdatabaseencoding()) \
               FROM unnest($1::bytea[]) WITH ORDINALITY AS stored(text, place) ORDER BY place";
    let parameters: [&(dyn ToSql + Sync); 1] = [&stored];
    let converted = session.connection().run(|client| client.query(sql, &parameters));
    match converted {
        Ok(rows) => {
            for (text, row) in texts.iter_mut().zip(&rows) {
                let converted: &str = row.try_get(0).map_err(|_| unexpected("no text"))?;
                **text = Bytes::copy_from_slice(converted.as_bytes());
            }
            Ok(())
        }
        Err(failure) if failure.code == UNTRANSLATABLE => {
            if let [text] = texts {
                **text = [&[NO_TEXT], &text[..]].concat().into();
                return Ok(());
            }
            let (front, back) = texts.split_at_mut(texts.len() / 2);
            convert(session, front)?;
            convert(session, back)
        }
        Err(failure) => Err(failure),
    }
}
