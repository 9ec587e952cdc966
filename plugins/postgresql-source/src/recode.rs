//! Texts of a database whose encoding has characters that UTF-8 has not, or none at all.
//!
//! The server converts what it sends, and where one character has no counterpart it refuses the whole answer.
//! Then log, copy and look-ups bring texts as they are stored, and the server converts them here: those that it
//! cannot convert are dead letters of their rows, and the others go on.

use bytes::Bytes;
use cartridge_warp_sdk::Failure;
use postgresql_client::UNTRANSLATABLE;
use postgresql_client::tokio_postgres::types::ToSql;

use crate::session::{Session, unexpected};

/// Texts in one query, and their bytes (I7). One text may be larger.
const TEXTS_MAX: usize = 1000;
const BYTES_MAX: usize = 1 << 20;
/// Begins no text of UTF-8.
const NO_TEXT: u8 = 0xff;

/// What stands for a column's value as bytes that are its text as it is stored, in SQL.
pub fn as_stored(column: &str) -> String {
    format!("convert_to(concat({column}), getdatabaseencoding())")
}

/// Converts texts that were read as they are stored.
pub fn recode<'t>(
    session: &Session,
    texts: impl Iterator<Item = &'t mut Bytes>,
) -> Result<(), Failure> {
    let (mut some, mut bytes) = (Vec::new(), 0);
    // ASCII is the same in every encoding that a database can have.
    for text in texts.filter(|text| !text.is_ascii()) {
        bytes += text.len();
        if some.len() == TEXTS_MAX || (!some.is_empty() && bytes > BYTES_MAX) {
            convert(session, &mut some)?;
            some.clear();
            bytes = text.len();
        }
        some.push(text);
    }
    if some.is_empty() { Ok(()) } else { convert(session, &mut some) }
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
