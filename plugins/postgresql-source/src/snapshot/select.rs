//! What a copy selects of a row.
//!
//! Where a row was too large to be held, the rest of its chunk is selected so that the server weighs each
//! row first: of one that is too large come the key and the name of its largest column. Weighing costs the
//! server as much as writing the row, so nothing is weighed without need.
//!
//! Where the server cannot convert a text, texts are selected as they are stored. They are weighed as well, since
//! they lie in memory several times until they are converted.

use cartridge_warp_sdk::Failure;
use postgresql_client::UNTRANSLATABLE;
use postgresql_client::large::{ROW_BYTES_MAX, TOO_LARGE};
use postgresql_client::names::{literal, quoted};

use crate::catalog::{SourceColumn, SourceTable};
use crate::recode::as_stored;
use crate::value::Codec;

/// A row that is weighed may have that much, since its text is weighed and something else is sent.
const WEIGHED_BYTES_MAX: usize = ROW_BYTES_MAX / 2;
/// Names that no column of a table has.
const PLACE: &str = "\"?its place?\"";
const BYTES: &str = "\"?bytes of the row?\"";
const LARGEST: &str = "\"?its largest column?\"";

/// How rows of one copy are selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Place and columns.
    Plain,
    /// Place, the largest column of a row that is too large, and columns.
    Weighed,
    /// The same, with texts as they are stored.
    Stored,
}

impl Selection {
    /// How the same rows are selected where that failed; none where that is no matter of the selection.
    pub fn instead(self, failure: &Failure) -> Option<Self> {
        match (self, failure.code.as_str()) {
            (Self::Plain, TOO_LARGE) => Some(Self::Weighed),
            (Self::Plain | Self::Weighed, UNTRANSLATABLE) => Some(Self::Stored),
            _ => None,
        }
    }

    /// Fields in front of the columns.
    pub fn fields_in_front(self) -> usize {
        match self {
            Self::Plain => 1,
            Self::Weighed | Self::Stored => 2,
        }
    }

    /// The query, with where a row lies in front.
    pub fn sql(self, table: &SourceTable, place: &str, from: &str, clause: &str) -> String {
        if self == Self::Plain {
            let columns: String =
                table.columns.iter().map(|column| format!(", {}", self.column(column))).collect();
            return format!("SELECT {place}{columns} FROM {from}{clause}");
        }
        let key = table.key_names();
        let columns = table.columns.iter().map(|column| {
            let value = self.column(column);
            match key.contains(&column.name.as_str()) {
                true => format!(", {value}"),
                false => format!(", CASE WHEN {BYTES} <= {WEIGHED_BYTES_MAX} THEN {value} END"),
            }
        });
        let weights = table.columns.iter().map(|column| {
            let name = &column.column.name;
            format!("({}, octet_length(concat({}))::bigint)", literal(name), quoted(&column.name))
        });
        // Where a row lies is not to be had beside something joined.
        let names = table.columns.iter().map(|column| format!(", {}", quoted(&column.name)));
        let stored =
            format!("SELECT {place} AS {PLACE}{} FROM {from}{clause}", names.collect::<String>());
        format!(
            "SELECT {PLACE}, CASE WHEN {BYTES} > {WEIGHED_BYTES_MAX} THEN {LARGEST} END{} \
             FROM ({stored}) stored CROSS JOIN LATERAL (SELECT sum(v.bytes) AS {BYTES}, \
                 (array_agg(v.name || ' (' || v.bytes || ' bytes)' ORDER BY v.bytes DESC))[1] \
                     AS {LARGEST} \
                 FROM (VALUES {}) v(name, bytes)) weighed",
            columns.collect::<String>(),
            weights.collect::<Vec<_>>().join(", "),
        )
    }

    /// A column. `concat` writes a value as `COPY` in text would, whatever casts its type has; it writes nothing
    /// for NULL.
    fn column(self, column: &SourceColumn) -> String {
        let name = quoted(&column.name);
        let text = match column.codec {
            codec if self == Self::Stored && codec.as_stored().1 => as_stored(&name),
            Codec::Printed => format!("concat({name})"),
            _ => return name,
        };
        format!("CASE WHEN {name} IS DISTINCT FROM NULL THEN {text} END")
    }
}
