//! What a type is, in a word that changes when its values may read otherwise.
//!
//! A type's number is not enough: labels of an enum are renamed, composites gain attributes, and
//! neither touches a row or the log.

use std::collections::BTreeMap;

use cartridge_warp_sdk::Failure;

use super::server::VERSION_MULTIRANGES;
use crate::hash::fnv64;
use crate::session::{Session, number, text};

/// Types from here on are not the server's own, whose definitions never change.
const FIRST_OF_USERS: u32 = 16_384;
/// Labels of an enum that are told one by one.
const LABELS_MAX: u32 = 128;
/// Types within types; more than any schema has.
const DEPTH_MAX: usize = 32;

/// The types that columns of some tables have, and those within them.
#[derive(Default)]
pub struct Types(BTreeMap<u32, Definition>);

struct Definition {
    kind: char,
    /// The items of an array, the type beneath a domain or within a range; zero for others.
    inner: u32,
    /// Of an enum its labels, of a composite its attributes.
    parts: String,
}

impl Types {
    /// Reads the types of tables.
    pub fn read(session: &Session, version: u32, condition: &str) -> Result<Self, Failure> {
        let multirange = if version >= VERSION_MULTIRANGES { "r.rngmultitypid" } else { "0" };
        let rows = session.rows(&format!(
            "WITH RECURSIVE used(oid) AS ( \
                 SELECT a.atttypid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                 WHERE {condition} AND a.atttypid >= {FIRST_OF_USERS} \
                 UNION SELECT part.oid FROM used JOIN pg_type t ON t.oid = used.oid \
                 CROSS JOIN LATERAL ( \
                     SELECT t.typelem AS oid UNION ALL SELECT t.typbasetype UNION ALL \
                     SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = t.typrelid \
                         AND a.attnum > 0 AND NOT a.attisdropped UNION ALL \
                     SELECT r.rngsubtype FROM pg_range r \
                     WHERE t.oid IN (r.rngtypid, {multirange})) part \
                 WHERE part.oid >= {FIRST_OF_USERS}) \
             SELECT t.oid, CASE WHEN t.typcategory = 'A' AND t.typtype = 'b' THEN 'a' \
                     ELSE t.typtype END, \
                 CASE t.typtype WHEN 'd' THEN t.typbasetype WHEN 'b' THEN t.typelem \
                     ELSE coalesce((SELECT r.rngsubtype FROM pg_range r \
                         WHERE t.oid IN (r.rngtypid, {multirange})), 0) END, \
                 coalesce(CASE t.typtype \
                     WHEN 'e' THEN (SELECT CASE WHEN count(*) > {LABELS_MAX} \
                             THEN ':' || md5(string_agg(enumlabel, ',' ORDER BY oid)) \
                             ELSE '+' || string_agg(left(md5(enumlabel), 8), '+' ORDER BY oid) END \
                         FROM pg_enum WHERE enumtypid = t.oid) \
                     WHEN 'c' THEN (SELECT string_agg(concat_ws(' ', attnum, atttypid, atttypmod), \
                             ',' ORDER BY attnum) FROM pg_attribute \
                         WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped) END, '') \
             FROM used JOIN pg_type t ON t.oid = used.oid"
        ))?;
        let mut types = BTreeMap::new();
        for row in &rows {
            let kind = text(row, 1)?.chars().next().unwrap_or('b');
            let definition =
                Definition { kind, inner: number(row, 2)?, parts: text(row, 3)?.to_owned() };
            types.insert(number(row, 0)?, definition);
        }
        Ok(Self(types))
    }

    /// The word for a type. One that is another's with more labels is that one's and `+…`.
    pub fn id(&self, oid: u32) -> String {
        self.id_within(oid, DEPTH_MAX)
    }

    fn id_within(&self, oid: u32, depth: usize) -> String {
        let (Some(definition), Some(depth)) = (self.0.get(&oid), depth.checked_sub(1)) else {
            return server_type(oid);
        };
        let Definition { kind, inner, parts } = definition;
        let inner = || self.id_within(*inner, depth);
        match kind {
            'd' => inner(),
            'a' => format!("[{}", inner()),
            'r' | 'm' => format!("{oid}<{}", inner()),
            'e' => format!("{oid}{parts}"),
            'c' => {
                let attribute = |part: &str| {
                    let mut words = part.split(' ');
                    let (at, of) = (words.next().unwrap_or_default(), words.next());
                    let of = of.and_then(|oid| oid.parse().ok()).unwrap_or_default();
                    let modifier = words.next().unwrap_or_default();
                    format!("{at} {} {modifier}", self.id_within(of, depth))
                };
                let parts = parts.split(',').map(attribute).collect::<Vec<_>>().join(",");
                format!("{oid}({:016x})", fnv64(parts.as_bytes()))
            }
            _ => oid.to_string(),
        }
    }
}

/// One of the server's own types. `varchar` and `text` hold and write the same.
fn server_type(oid: u32) -> String {
    match oid {
        1043 => 25,
        1015 => 1009,
        other => other,
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_changes_with_what_the_type_is_made_of() {
        let definition = |kind, inner, parts: &str| Definition { kind, inner, parts: parts.into() };
        let types = |label: &str, attributes: &str| {
            Types(BTreeMap::from([
                (20_000, definition('e', 0, label)),
                (20_001, definition('a', 20_000, "")),
                (20_002, definition('d', 20_001, "")),
                (20_003, definition('c', 0, attributes)),
                (20_004, definition('r', 20_000, "")),
            ]))
        };
        let before = types("+aa+bb", "1 25 -1,2 20000 -1");
        assert_eq!(before.id(20_002), "[20000+aa+bb", "a domain is what is beneath");
        assert_eq!(before.id(20_004), "20004<20000+aa+bb");
        assert_eq!((before.id(1043), before.id(25)), (before.id(25), "25".to_owned()));
        for (oid, labels, attributes, is_same) in [
            (20_003, "+aa+bb", "1 25 -1,2 20000 -1", true),
            (20_003, "+aa+cc", "1 25 -1,2 20000 -1", false),
            (20_003, "+aa+bb", "1 25 -1,2 20000 -1,3 25 -1", false),
            (20_001, "+aa+cc", "", false),
        ] {
            let same = types(labels, attributes).id(oid) == before.id(oid);
            assert_eq!(same, is_same, "{oid} {labels} {attributes}");
        }
    }

    #[test]
    fn types_that_contain_themselves_end() {
        let circle = Definition { kind: 'a', inner: 20_000, parts: String::new() };
        assert!(Types(BTreeMap::from([(20_000, circle)])).id(20_000).ends_with("20000"));
    }
}
