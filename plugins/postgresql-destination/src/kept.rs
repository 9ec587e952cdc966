//! How a column of the model is kept in a column of the server.
//!
//! A value travels as the server's type for its model type and is assigned to the column, which may
//! be wider. Text that is another type's (`postgresql:interval`) is read by the server, or by `read` where new
//! rows are copied straight into their table.

use cartridge_warp_sdk::{Column, ColumnType};
use postgresql_client::types::{self, ORIGIN};

use crate::read::Reader;

/// What `format_type` says of the types that a column can be made with because its origin says so.
/// All of them belong to the server itself but the last two, which are extensions'.
const ORIGINS: [&str; 58] = [
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "numeric",
    "money",
    "boolean",
    "text",
    "character varying",
    "character",
    "\"char\"",
    "name",
    "bytea",
    "oid",
    "pg_lsn",
    "date",
    "time without time zone",
    "time with time zone",
    "timestamp without time zone",
    "timestamp with time zone",
    "interval",
    "point",
    "line",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
    "cidr",
    "inet",
    "macaddr",
    "macaddr8",
    "bit",
    "bit varying",
    "tsvector",
    "tsquery",
    "uuid",
    "xml",
    "json",
    "jsonb",
    "jsonpath",
    "txid_snapshot",
    "pg_snapshot",
    "int4range",
    "int8range",
    "numrange",
    "tsrange",
    "tstzrange",
    "daterange",
    "int4multirange",
    "int8multirange",
    "nummultirange",
    "tsmultirange",
    "tstzmultirange",
    "datemultirange",
    "hstore",
    "citext",
];

/// How values travel to a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wire {
    /// The type whose binary form is sent.
    pub(crate) sent_as: String,
    /// The type that the server reads it as, where assigning alone would not do.
    pub(crate) cast: Option<String>,
}

impl Wire {
    /// From the type of the rows to the declared type of the column.
    pub(crate) fn between(from: &ColumnType, declared: &str) -> Self {
        let sent_as = match from {
            ColumnType::Json => json(declared),
            ColumnType::Array(item) if *types::innermost(item) == ColumnType::Json => {
                format!("{}[]", json(declared.trim_end_matches("[]")))
            }
            other => bare(&types::declared(other)).0,
        };
        let read = *from == ColumnType::String && !is_text(declared);
        Self { sent_as, cast: read.then(|| declared.to_owned()) }
    }

    /// Whether the column takes the sent bytes as they are, so that rows can be copied into it.
    pub(crate) fn is_direct(&self, declared: &str) -> bool {
        let text = |name: &str| name == "text" || name == "character varying";
        let bare = bare(declared).0;
        self.cast.is_none() && (bare == self.sent_as || text(&bare) && self.sent_as == "text")
    }

    /// The type whose binary form new rows have when they are copied straight into the column; none
    /// where this connector cannot write it, so that the server has to read the text.
    pub(crate) fn copied_as(&self, declared: &str) -> Option<String> {
        if self.is_direct(declared) {
            return Some(self.sent_as.clone());
        }
        let bare = bare(declared).0;
        match self.sent_as.as_str() {
            "text" if TEXT_FORMS.contains(&bare.as_str()) => Some("text".to_owned()),
            "text" => Reader::of(&bare).map(|_| bare),
            "integer" if ["smallint", "bigint"].contains(&bare.as_str()) => Some(bare),
            _ => None,
        }
    }
}

/// Types whose binary form is the text itself.
const TEXT_FORMS: [&str; 3] = ["character", "citext", "name"];

/// JSON keeps its form where the column does.
fn json(declared: &str) -> String {
    if ["json", "jsonb"].contains(&declared) { declared } else { "text" }.to_owned()
}

/// The origin as a type of the server, if it is one.
pub(crate) fn origin(column: &Column) -> Option<&str> {
    let name = column.origin_type.as_deref()?.strip_prefix(ORIGIN)?;
    ORIGINS.contains(&bare(name.trim_end_matches("[]")).0.as_str()).then_some(name)
}

/// The type that a new column is declared with; `exists` says whether the server knows a type.
pub(crate) fn declaration(column: &Column, exists: impl Fn(&str) -> bool) -> String {
    match origin(column) {
        Some(name) if exists(&bare(name).0) && refusal(column, name).is_none() => name.to_owned(),
        _ => types::declared(&column.column_type),
    }
}

/// Whether every value of one declared type is one of another: the same type with more room, or text.
pub(crate) fn widens(from: &str, to: &str) -> bool {
    let ((from, old), (to, new)) = (bare(from), bare(to));
    if to == "text" || from == to && new.is_empty() {
        return true;
    }
    let numbers = |limits: &str| -> Vec<i32> {
        limits.split(',').filter_map(|number| number.trim().parse().ok()).collect()
    };
    match (from == to, numbers(&old).as_slice()) {
        (true, [precision, scale]) => fits(&new, precision - scale, *scale),
        (true, [length]) => numbers(&new).first().is_some_and(|room| room >= length),
        _ => false,
    }
}

/// Why a column of that declared type does not keep every value; none if it does.
pub(crate) fn refusal(column: &Column, declared: &str) -> Option<String> {
    if origin(column) == Some(declared) || keeps(&column.column_type, column, declared) {
        return None;
    }
    Some(format!("is {declared}, which would not keep {} values as they are", column.column_type))
}

fn keeps(column_type: &ColumnType, column: &Column, declared: &str) -> bool {
    use ColumnType as T;
    let (bare, limits) = bare(declared);
    let unlimited = limits.is_empty();
    let is = |names: &[&str]| unlimited && names.contains(&bare.as_str());
    let numeric =
        |digits: i32, scale: i32| bare == "numeric" && (unlimited || fits(&limits, digits, scale));
    let text = is(&["text", "character varying"]);
    match column_type {
        T::String => text || is(&["citext"]) || fits_origin(column, &bare, &limits),
        T::Integer => text || is(&["integer", "bigint", "double precision"]) || numeric(10, 0),
        T::BigInt => text || is(&["bigint"]) || numeric(19, 0),
        T::Float => text || is(&["real", "double precision"]),
        T::Double => text || is(&["double precision"]),
        T::Decimal { precision, scale } => {
            let (precision, scale) = (i32::from(*precision), i32::from(*scale));
            text || numeric(precision - scale, scale)
        }
        T::Boolean => text || is(&["boolean"]),
        T::Date => text || is(&["date", "timestamp without time zone"]),
        T::Time => text || is(&["time without time zone"]),
        T::Timestamp => text || is(&["timestamp without time zone"]),
        T::TimestampTz => text || is(&["timestamp with time zone"]),
        T::Uuid => text || is(&["uuid"]),
        T::Json => text || is(&["json", "jsonb"]),
        T::Binary => is(&["bytea"]),
        T::Array(item) => declared
            .strip_suffix("[]")
            .is_some_and(|of| keeps(types::innermost(item), column, of) && assigns(item, of)),
    }
}

/// Arrays are assigned to arrays of another type only where their items are.
fn assigns(item: &ColumnType, declared: &str) -> bool {
    let wire = Wire::between(types::innermost(item), declared);
    wire.cast.is_none() && (wire.sent_as == "text" || !is_text(declared))
}

/// Whether `numeric(p,s)` has room for so many digits before and after the point.
fn fits(limits: &str, digits: i32, scale: i32) -> bool {
    let mut numbers = limits.split(',').map(|number| number.trim().parse::<i32>());
    match (numbers.next(), numbers.next()) {
        (Some(Ok(precision)), Some(Ok(places))) => places >= scale && precision - places >= digits,
        (Some(Ok(precision)), None) => scale <= 0 && precision >= digits,
        _ => false,
    }
}

/// Whether text of limited length in the source fits a column of limited length.
fn fits_origin(column: &Column, bare_type: &str, limits: &str) -> bool {
    let Some(name) = origin(column) else { return false };
    let (of_origin, of_source) = bare(name);
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    bare_type == "character varying"
        && of_origin == "character varying"
        && number(&of_source) > 0
        && number(&of_source) <= number(limits)
}

/// A declared type without its limits.
pub(crate) fn bare_name(declared: &str) -> String {
    bare(declared).0
}

/// A declared type without its limits, and what they are: `numeric(10,2)` is `numeric` and `10,2`.
fn bare(declared: &str) -> (String, String) {
    let limits = declared.find('(').zip(declared.find(')')).filter(|(open, end)| open < end);
    let Some((open, end)) = limits else { return (declared.to_owned(), String::new()) };
    let numbers = &declared[open + 1..end];
    if !numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b',' || byte == b'-') {
        return (declared.to_owned(), String::new());
    }
    (format!("{}{}", &declared[..open], &declared[end + 1..]), numbers.to_owned())
}

fn is_text(declared: &str) -> bool {
    let (bare, _) = bare(declared);
    ["text", "character varying", "character", "citext", "name"].contains(&bare.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(column_type: &str, origin: Option<&str>) -> Column {
        let column = Column::new("c", column_type.parse().unwrap());
        match origin {
            Some(origin) => column.origin(origin),
            None => column,
        }
    }

    #[test]
    fn wider_columns_keep_values_and_narrower_ones_do_not() {
        for (column_type, declared, kept) in [
            ("integer", "bigint", true),
            ("integer", "smallint", false),
            ("bigint", "integer", false),
            ("bigint", "numeric(19,0)", true),
            ("bigint", "numeric(18,0)", false),
            ("decimal(10,2)", "numeric", true),
            ("decimal(10,2)", "numeric(12,4)", true),
            ("decimal(10,2)", "numeric(12,5)", false),
            ("decimal(10,2)", "double precision", false),
            ("string", "text", true),
            ("string", "character varying", true),
            ("string", "character varying(20)", false),
            ("string", "integer", false),
            ("timestamp", "timestamp(3) without time zone", false),
            ("timestamptz", "timestamp without time zone", false),
            ("json", "json", true),
            ("uuid", "text", true),
            ("binary", "text", false),
            ("array(integer)", "bigint[]", true),
            ("array(integer)", "text", false),
            ("array(integer)", "text[]", false),
            ("array(array(string))", "text[]", true),
        ] {
            let refused = refusal(&column(column_type, None), declared);
            assert_eq!(refused.is_none(), kept, "{column_type} in {declared}: {refused:?}");
        }
    }

    #[test]
    fn origins_of_postgresql_make_columns_of_their_type() {
        for (column_type, origin, declared) in [
            ("string", "postgresql:interval", "interval"),
            ("string", "postgresql:interval(3)", "interval(3)"),
            ("string", "postgresql:numeric(1000,3)", "numeric(1000,3)"),
            (
                "string",
                "postgresql:timestamp(3) without time zone[]",
                "timestamp(3) without time zone[]",
            ),
            ("integer", "postgresql:smallint", "smallint"),
            ("json", "postgresql:json", "json"),
            ("string", "postgresql:shop.mood", "text"),
            ("string", "postgresql:text; DROP TABLE x", "text"),
            ("string", "interval", "text"),
            ("string", "postgresql:hstore", "text"),
            ("decimal(10,2)", "postgresql:numeric(10,2)", "numeric(10,2)"),
        ] {
            let found = declaration(&column(column_type, Some(origin)), |name| name != "hstore");
            assert_eq!(found, declared, "{origin}");
        }
        let limited = column("string", Some("postgresql:character varying(10)"));
        assert!(refusal(&limited, "character varying(20)").is_none());
        assert!(refusal(&limited, "character varying(9)").is_some());
    }

    #[test]
    fn only_wider_types_of_the_same_kind_and_text_hold_what_is_stored() {
        for (from, to, wider) in [
            ("character varying(10)", "character varying(20)", true),
            ("character varying(10)", "character varying(9)", false),
            ("character varying(10)", "character varying", true),
            ("numeric(100,2)", "numeric(110,4)", true),
            ("numeric(100,2)", "numeric(100,4)", false),
            ("numeric", "numeric(100,4)", false),
            ("interval", "text", true),
            ("interval", "inet", false),
        ] {
            assert_eq!(widens(from, to), wider, "{from} to {to}");
        }
    }

    /// Types whose text only the server reads, so that their rows are staged.
    const READ_BY_THE_SERVER: [&str; 17] = [
        "money",
        "\"char\"",
        "line",
        "lseg",
        "box",
        "path",
        "polygon",
        "circle",
        "tsvector",
        "tsquery",
        "xml",
        "txid_snapshot",
        "pg_snapshot",
        "hstore",
        "real",
        "double precision",
        "json",
    ];

    #[test]
    fn text_of_a_type_is_written_in_binary_but_for_these() {
        let mut others = ORIGINS.to_vec();
        others.retain(|name| Wire::between(&ColumnType::String, name).copied_as(name).is_none());
        others.sort_unstable();
        let mut expected = READ_BY_THE_SERVER;
        expected.sort_unstable();
        assert_eq!(others, expected);
    }

    #[test]
    fn values_travel_as_their_own_type_and_text_is_read() {
        for (column_type, declared, sent_as, cast, direct) in [
            ("integer", "integer", "integer", None, true),
            ("integer", "bigint", "integer", None, false),
            ("decimal(9,2)", "numeric(9,2)", "numeric", None, true),
            ("json", "jsonb", "jsonb", None, true),
            ("json", "json", "json", None, true),
            ("json", "text", "text", None, true),
            ("array(json)", "json[]", "json[]", None, true),
            ("string", "text", "text", None, true),
            ("string", "interval", "text", Some("interval"), false),
            ("array(decimal(5,1))", "numeric(5,1)[]", "numeric[]", None, true),
            ("timestamptz", "timestamp with time zone", "timestamp with time zone", None, true),
        ] {
            let wire = Wire::between(&column_type.parse().unwrap(), declared);
            assert_eq!(wire.sent_as, sent_as, "{column_type} in {declared}");
            assert_eq!(wire.cast.as_deref(), cast, "{column_type} in {declared}");
            assert_eq!(wire.is_direct(declared), direct, "{column_type} in {declared}");
        }
    }
}
