//! Asks the server for values of rows by their keys.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use bytes::Bytes;
use cartridge_warp_sdk::Failure;
use postgresql_client::UNTRANSLATABLE;
use postgresql_client::names;

use crate::catalog::{SourceTable, equality};
use crate::pgoutput::Field;
use crate::recode::{as_stored, recode};
use crate::session::{CHANGED_MEANWHILE, Session, meanwhile, unexpected};

/// The texts of a row's key.
pub type Key = Vec<Bytes>;

/// What the server has of a row.
pub struct Found {
    /// For each column that was asked for the bytes of its text; none for null.
    lengths: Vec<Option<u64>>,
    /// The texts, of a row that is not too large for the query.
    texts: Vec<Option<Bytes>>,
}

impl Found {
    /// All its texts together.
    pub fn bytes(&self) -> u64 {
        self.lengths.iter().flatten().sum()
    }

    /// The value of a column. Of a row that was larger than the query might bring, the largest stands for all.
    pub fn field(&self, column: usize, bytes_max: u64) -> Field {
        let length = self.lengths[column];
        let is_largest = self.lengths.iter().max() == Some(&length);
        match &self.texts[column] {
            Some(text) => Field::Text(text.clone()),
            None if self.bytes() > bytes_max && is_largest => {
                Field::Cut(length.and_then(|length| u32::try_from(length).ok()))
            }
            None => Field::Null,
        }
    }
}

/// What is asked of rows of one table.
pub struct Question {
    /// The table.
    pub table: Rc<SourceTable>,
    /// The columns that are asked for.
    pub columns: Vec<usize>,
    /// Rows of which more bytes are asked for come with lengths only.
    pub bytes_max: u64,
}

impl Question {
    /// The rows that there are, by the places of the keys that they have. Keys that are spelled otherwise and equal
    /// have the same row.
    pub fn ask(
        &self,
        session: &Session,
        keys: &[&Key],
    ) -> Result<HashMap<usize, Rc<Found>>, Failure> {
        let rows = self.conditions(session, keys)?;
        if rows.is_empty() || self.columns.is_empty() {
            return Ok(HashMap::new());
        }
        let found = match self.read(session, &self.sql(as_bytes, &rows)) {
            Err(failure) if failure.code == UNTRANSLATABLE => {
                let mut found = self.read(session, &self.sql(as_stored_bytes, &rows))?;
                recode(
                    session,
                    found.iter_mut().flat_map(|(_, it)| it.texts.iter_mut().flatten()),
                )?;
                found
            }
            found => found?,
        };
        let mut by_place = HashMap::new();
        for (places, found) in found {
            let found = Rc::new(found);
            by_place.extend(places.into_iter().map(|place| (place, Rc::clone(&found))));
        }
        Ok(by_place)
    }

    /// The row of each key as SQL, with the key's place.
    fn conditions(
        &self,
        session: &Session,
        keys: &[&Key],
    ) -> Result<Vec<(usize, String)>, Failure> {
        let key_columns = self.table.key_indices();
        let equalities = equality::operators(session, &self.table)?;
        let equals = |at: &usize, text: &[u8]| {
            let column = &self.table.columns[*at];
            let operator = equalities.get(&column.number).map_or("pg_catalog.=", String::as_str);
            let text = std::str::from_utf8(text).ok()?;
            let (name, literal) = (names::quoted(&column.name), names::literal(text));
            Some(format!("{name} OPERATOR({operator}) {literal}::{}", column.formatted))
        };
        let row = |(place, key): (usize, &&Key)| {
            let columns = key_columns.iter().zip(key.iter()).map(|(at, text)| equals(at, text));
            let columns = columns.collect::<Option<Vec<_>>>()?;
            Some((place, format!("({})", columns.join(" AND "))))
        };
        Ok(keys.iter().enumerate().filter_map(row).collect())
    }

    /// Texts, lengths, the places of keys, and whether the columns are still called so.
    fn sql(&self, bytes_of: fn(&str) -> String, rows: &[(usize, String)]) -> String {
        let key = self.table.key_indices();
        let inner =
            self.columns.iter().enumerate().map(|(place, at)| {
                format!("{} AS f{place}", bytes_of(&self.table.columns[*at].name))
            });
        let columns = 0..self.columns.len();
        let bytes_max = self.bytes_max;
        let held = |place: usize| format!("CASE WHEN bytes <= {bytes_max} THEN f{place} END");
        let length = |place: usize| format!("octet_length(f{place})");
        let list = |texts: Vec<String>| texts.join(", ");
        let places: Vec<String> =
            rows.iter().map(|(place, row)| format!("CASE WHEN {row} THEN {place} END")).collect();
        let conditions: Vec<&str> = rows.iter().map(|(_, row)| row.as_str()).collect();
        // Children of a table that is no root of partitions have keys of their own.
        let only = if self.table.partitioned { "" } else { "ONLY " };
        // Each text is written once: without an offset the server writes it at every mention. A list of columns
        // has no room for the lengths of a table's 1,600, so these are one array.
        format!(
            "SELECT {}, lengths, places, {} \
             FROM (SELECT asked.*, ARRAY[{}]::bigint[] AS lengths \
                   FROM (SELECT {}, ARRAY[{}]::int4[] AS places FROM {only}{} WHERE {} OFFSET 0) asked \
                   OFFSET 0) weighed \
             CROSS JOIN LATERAL (SELECT sum(length) AS bytes FROM unnest(lengths || 0::bigint) AS length) of_row",
            list(columns.clone().map(held).collect()),
            are_called(&self.table, key.iter().chain(&self.columns)),
            list(columns.map(length).collect()),
            list(inner.collect()),
            list(places),
            self.table.qualified(),
            conditions.join(" OR "),
        )
    }

    fn read(&self, session: &Session, sql: &str) -> Result<Vec<(Vec<usize>, Found)>, Failure> {
        let count = self.columns.len();
        let rows = session.connection().run(|client| client.query(sql, &[])).map_err(meanwhile)?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            if !row.try_get(row.len() - 1).unwrap_or(false) {
                return Err(renamed(&self.table));
            }
            let text = |at: usize| {
                let bytes: Option<&[u8]> = row.try_get(at).map_err(|_| unexpected("no bytes"))?;
                Ok(bytes.map(Bytes::copy_from_slice))
            };
            let texts = (0..count).map(text).collect::<Result<_, Failure>>()?;
            let lengths: Vec<Option<i64>> =
                row.try_get(count).map_err(|_| unexpected("no lengths"))?;
            let length = |length: i64| u64::try_from(length).unwrap_or_default();
            let lengths = lengths.into_iter().map(|known| known.map(length)).collect();
            let places: Vec<Option<i32>> =
                row.try_get(count + 1).map_err(|_| unexpected("no places"))?;
            let places = places.into_iter().flatten();
            let places = places.filter_map(|place| usize::try_from(place).ok()).collect();
            found.push((places, Found { lengths, texts }));
        }
        Ok(found)
    }
}

/// Whether the columns are still called so: a name may be another column's by now. The statement's lock keeps
/// that from changing under it.
fn are_called<'c>(table: &SourceTable, columns: impl Iterator<Item = &'c usize>) -> String {
    let pairs: BTreeMap<i16, &str> = columns
        .map(|at| &table.columns[*at])
        .map(|column| (column.number, column.name.as_str()))
        .collect();
    let listed: Vec<String> = pairs
        .iter()
        .map(|(number, name)| format!("({number}, {})", names::literal(name)))
        .collect();
    format!(
        "(SELECT count(*) = {} FROM pg_catalog.pg_attribute WHERE attrelid = {}::oid \
         AND (attnum, attname) IN ({}))",
        pairs.len(),
        table.oid,
        listed.join(", ")
    )
}

fn renamed(table: &SourceTable) -> Failure {
    Failure::reconnect(
        CHANGED_MEANWHILE,
        format!(
            "table {}: columns got other names a moment ago; the source is opened anew",
            table.qualified()
        ),
    )
}

/// A column as the bytes of its text, which is what the log has, whatever they are.
fn as_bytes(name: &str) -> String {
    let name = names::quoted(name);
    format!("CASE WHEN {name} IS DISTINCT FROM NULL THEN textsend(concat({name})) END")
}

/// The same where the server cannot convert a text.
fn as_stored_bytes(name: &str) -> String {
    let name = names::quoted(name);
    format!("CASE WHEN {name} IS DISTINCT FROM NULL THEN {} END", as_stored(&name))
}
