//! The messages of PostgreSQL's `pgoutput` plugin, protocol version 1.
//!
//! Knows bytes only: what a relation is to us is the stream's business. The server's answer is
//! hostile until it is decoded: every length is checked, nothing is allocated by a count alone (I8).

mod reader;

use bytes::Bytes;

use reader::Reader;

/// Microseconds between PostgreSQL's epoch, 2000-01-01, and 1970-01-01.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// A place in the write-ahead log.
pub type Lsn = u64;

/// One message of the stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A transaction begins.
    Begin(Begin),
    /// It ends; everything up to `end` is complete.
    Commit {
        /// Just behind the commit record.
        end: Lsn,
    },
    /// A table's shape; comes before its first row and again when it changed.
    Relation(Relation),
    /// A new row.
    Insert {
        /// The table.
        relation: u32,
        /// Its values.
        new: Tuple,
    },
    /// A changed row.
    Update {
        /// The table.
        relation: u32,
        /// The old row, or its key alone: sent when the key changed or the identity is FULL.
        old: Option<Old>,
        /// The row now.
        new: Tuple,
    },
    /// A row that is gone.
    Delete {
        /// The table.
        relation: u32,
        /// What it was.
        old: Old,
    },
    /// Tables that are empty now.
    Truncate {
        /// The tables.
        relations: Vec<u32>,
    },
    /// Origin, type and logical messages, of which nothing is needed.
    Other,
}

/// The beginning of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    /// Where its commit record stands.
    pub commit: Lsn,
    /// When it was committed, in microseconds since 1970 UTC.
    pub at_micros: i64,
    /// The transaction's number.
    pub id: u32,
}

/// A table as a row of the stream was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its object id.
    pub id: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its replica identity: `d`efault, `f`ull, `i`ndex or `n`othing.
    pub replica_identity: char,
    /// Its columns in order, without dropped and generated ones.
    pub columns: Vec<RelationColumn>,
}

/// A column of a [`Relation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationColumn {
    /// Whether the replica identity has it.
    pub is_key: bool,
    /// Its name.
    pub name: String,
    /// Object id of its type.
    pub type_oid: u32,
    /// The type's modifier, such as a length; -1 when it has none.
    pub type_modifier: i32,
}

/// The row before a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Old {
    /// All columns, not only those of the replica identity.
    pub full: bool,
    /// Its values.
    pub tuple: Tuple,
}

/// A row: one field for each column of its relation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tuple(pub Vec<Field>);

/// One value as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// SQL null.
    Null,
    /// A large value that did not change and was not sent.
    Unchanged,
    /// The text that the type's output function made.
    Text(Bytes),
    /// A value that was too large to be held, with its bytes, or one behind it.
    Cut(Option<u32>),
}

/// In front of the beginning of a message that was too large to be held; the length of all of it follows.
const CUT: u8 = 0;
/// The beginning of a message as SQL, of which `data` is the column and the numbers are bytes.
pub fn cut_in_sql(bytes_max: usize, head: usize) -> String {
    format!(
        "CASE WHEN octet_length(data) > {bytes_max} THEN '\\x{CUT:02x}'::bytea \
             || int8send(octet_length(data)) || substr(data, 1, {head}) ELSE data END"
    )
}

/// The same of a message whose beginning is here.
pub fn cut(head: &[u8], whole: usize) -> Bytes {
    [&[CUT][..], &(whole as u64).to_be_bytes(), head].concat().into()
}

/// What makes a message unreadable: always a defect or a broken server, never data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl Message {
    /// Reads one message.
    pub fn decode(mut bytes: Bytes) -> Result<Self, Malformed> {
        let is_cut = bytes.first() == Some(&CUT);
        if is_cut {
            bytes = bytes.slice(bytes.len().min(1 + size_of::<u64>())..);
        }
        let mut reader = Reader::new(bytes, is_cut);
        let message = match reader.u8()? {
            b'B' => {
                let commit = reader.u64()?;
                let at_micros = reader.i64()?.saturating_add(EPOCH_MICROS);
                Self::Begin(Begin { commit, at_micros, id: reader.u32()? })
            }
            b'C' => {
                reader.u8()?;
                reader.u64()?;
                let end = reader.u64()?;
                reader.i64()?;
                Self::Commit { end }
            }
            b'R' => Self::Relation(relation(&mut reader)?),
            b'I' => {
                let relation = reader.u32()?;
                match reader.u8()? {
                    b'N' => Self::Insert { relation, new: tuple(&mut reader)? },
                    _ => return Err(Malformed("an insert without a new row")),
                }
            }
            b'U' => update(&mut reader)?,
            b'D' => {
                let relation = reader.u32()?;
                let kind = reader.u8()?;
                Self::Delete { relation, old: old(kind, &mut reader)? }
            }
            b'T' => {
                let count = reader.u32()?;
                reader.u8()?;
                let relations = (0..count).map(|_| reader.u32()).collect::<Result<_, _>>()?;
                Self::Truncate { relations }
            }
            b'O' | b'Y' | b'M' => return Ok(Self::Other),
            _ => return Err(Malformed("an unknown kind of message")),
        };
        reader.end()?;
        Ok(message)
    }
}

fn relation(reader: &mut Reader) -> Result<Relation, Malformed> {
    let id = reader.u32()?;
    // The system catalog's schema is sent as an empty name.
    let schema = Some(reader.text()?).filter(|name| !name.is_empty());
    let name = reader.text()?;
    let replica_identity = char::from(reader.u8()?);
    let count = reader.u16()?;
    let mut columns = Vec::new();
    for _ in 0..count {
        let is_key = reader.u8()? & 1 != 0;
        let name = reader.text()?;
        let type_oid = reader.u32()?;
        let type_modifier = reader.i32()?;
        columns.push(RelationColumn { is_key, name, type_oid, type_modifier });
    }
    let schema = schema.unwrap_or_else(|| "pg_catalog".to_owned());
    Ok(Relation { id, schema, name, replica_identity, columns })
}

fn update(reader: &mut Reader) -> Result<Message, Malformed> {
    let relation = reader.u32()?;
    let (old, kind) = match reader.u8()? {
        kind @ (b'K' | b'O') => {
            let old = old(kind, reader)?;
            if reader.was_cut() {
                let new = Tuple(vec![Field::Cut(None); old.tuple.0.len()]);
                return Ok(Message::Update { relation, old: Some(old), new });
            }
            (Some(old), reader.u8()?)
        }
        kind => (None, kind),
    };
    match kind {
        b'N' => Ok(Message::Update { relation, old, new: tuple(reader)? }),
        _ => Err(Malformed("an update without a new row")),
    }
}

fn old(kind: u8, reader: &mut Reader) -> Result<Old, Malformed> {
    match kind {
        b'K' | b'O' => Ok(Old { full: kind == b'O', tuple: tuple(reader)? }),
        _ => Err(Malformed("neither an old key nor an old row")),
    }
}

fn tuple(reader: &mut Reader) -> Result<Tuple, Malformed> {
    let count = reader.u16()?;
    let mut fields = Vec::with_capacity(usize::from(count).min(reader.left()));
    for _ in 0..count {
        fields.push(if reader.was_cut() { Field::Cut(None) } else { field(reader)? });
    }
    Ok(Tuple(fields))
}

fn field(reader: &mut Reader) -> Result<Field, Malformed> {
    if reader.ends_within(1) {
        return Ok(Field::Cut(None));
    }
    match reader.u8()? {
        b'n' => Ok(Field::Null),
        b'u' => Ok(Field::Unchanged),
        b't' if reader.ends_within(size_of::<u32>()) => Ok(Field::Cut(None)),
        b't' => {
            let length = reader.u32()?;
            if reader.ends_within(length as usize) {
                return Ok(Field::Cut(Some(length)));
            }
            Ok(Field::Text(reader.bytes(length as usize)?))
        }
        _ => Err(Malformed("an unknown kind of value")),
    }
}

#[cfg(test)]
mod tests;
