//! Text of a type that the model does not have, as the server writes it, to the server's binary form.
//!
//! Only what is surely one value is read; for all else there is no form here, and the server is asked
//! to read the text. So a reader may be strict, and never guesses.

mod array;
mod network;
mod numeric;
mod plain;
mod range;
mod time;

use crate::binary::oid;

pub(crate) use plain::hexadecimal;

/// Writes the binary form of a text's value; none, and anything written, where the text is in another
/// form than the server's.
type Read = fn(&str, &mut Vec<u8>) -> Option<()>;

/// Reads the values of one type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reader {
    /// One value.
    Value(Read),
    /// An array of them, and the type of its items.
    Array(Read, u32),
    /// A range with such bounds.
    Range(Read),
    /// Several of them.
    Ranges(Read),
}

impl Reader {
    /// For a type, as `format_type` writes it without limits; none where the server has to read.
    pub(crate) fn of(bare: &str) -> Option<Self> {
        match bare.strip_suffix("[]") {
            Some(item) => {
                let read = value(item).or_else(|| text(item))?;
                Some(Self::Array(read, oid(item)))
            }
            None => match range::bound(bare) {
                Some((bound, true)) => value(bound).map(Self::Ranges),
                Some((bound, false)) => value(bound).map(Self::Range),
                None => value(bare).map(Self::Value),
            },
        }
    }

    /// Writes the binary form; none, and anything written, where the text is in another form.
    pub(crate) fn read(self, text: &str, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Value(read) => read(text, out),
            Self::Array(read, oid) => array::read(text, read, oid, out),
            Self::Range(bound) => range::read(text, bound, out),
            Self::Ranges(bound) => range::read_several(text, bound, out),
        }
    }
}

/// Types whose binary form is another than their text.
fn value(bare: &str) -> Option<Read> {
    Some(match bare {
        "numeric" => numeric::read,
        "boolean" => plain::boolean,
        "smallint" => plain::whole::<i16, 2>,
        "integer" => plain::whole::<i32, 4>,
        "bigint" => plain::whole::<i64, 8>,
        "oid" => plain::whole::<u32, 4>,
        "uuid" => plain::uuid,
        "bytea" => plain::bytes,
        "bit" | "bit varying" => plain::bits,
        "jsonb" | "jsonpath" => plain::versioned,
        "pg_lsn" => plain::place_in_log,
        "date" => time::date,
        "time without time zone" => time::clock,
        "time with time zone" => time::zoned_clock,
        "timestamp without time zone" | "timestamp with time zone" => time::timestamp,
        "interval" => time::interval,
        "inet" => network::inet,
        "cidr" => network::cidr,
        "macaddr" => network::hardware::<6>,
        "macaddr8" => network::hardware::<8>,
        "point" => plain::point,
        _ => return None,
    })
}

/// Types whose binary form is their text.
fn text(bare: &str) -> Option<Read> {
    ["text", "character varying", "character", "name", "json"]
        .contains(&bare)
        .then_some(plain::text as Read)
}
