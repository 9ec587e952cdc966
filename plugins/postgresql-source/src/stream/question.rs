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
    /// The rows that there are, by their keys.
    pub fn ask<'k>(
        &self,
        session: &Session,
        keys: impl Iterator<Item = &'k Key>,
    ) -> Result<HashMap<Key, Found>, Failure> {
        let Some(rows) = self.rows(session, keys)? else { return Ok(HashMap::new()) };
        match self.read(session, &self.sql(as_bytes, &rows)) {
            Err(failure) if failure.code == UNTRANSLATABLE => {
                let mut found = self.read(session, &self.sql(as_stored_bytes, &rows))?;
                let texts = found.iter_mut().flat_map(|(key, found)| {
                    key.iter_mut().chain(found.texts.iter_mut().flatten())
                });
                recode(session, texts)?;
                Ok(found.into_iter().collect())
            }
            found => found.map(|found| found.into_iter().collect()),
        }
    }

    /// Which rows, as SQL; none where nothing is to be asked.
    fn rows<'k>(
        &self,
        session: &Session,
        keys: impl Iterator<Item = &'k Key>,
    ) -> Result<Option<String>, Failure> {
        let key_columns = self.table.key_indices();
        let equalities = equality::operators(session, &self.table)?;
        let equals = |at: &usize, text: &[u8]| {
            let column = &self.table.columns[*at];
            let operator = equalities.get(&column.number).map_or("pg_catalog.=", String::as_str);
            let text = std::str::from_utf8(text).ok()?;
            let (name, literal) = (names::quoted(&column.name), names::literal(text));
            Some(format!("{name} OPERATOR({operator}) {literal}::{}", column.formatted))
        };
        let row = |key: &Key| {
            let columns = key_columns.iter().zip(key).map(|(at, text)| equals(at, text));
            Some(format!("({})", columns.collect::<Option<Vec<_>>>()?.join(" AND ")))
        };
        let rows: Vec<String> = keys.filter_map(row).collect();
        Ok((!rows.is_empty() && !self.columns.is_empty()).then(|| rows.join(" OR ")))
    }

    /// Key, texts, lengths, and whether the columns are still called so.
    fn sql(&self, bytes_of: fn(&str) -> String, rows: &str) -> String {
        let key = self.table.key_indices();
        let asked = || key.iter().chain(&self.columns);
        let inner = asked()
            .enumerate()
            .map(|(place, at)| format!("{} AS f{place}", bytes_of(&self.table.columns[*at].name)));
        let places = key.len()..key.len() + self.columns.len();
        let length = |place: usize| format!("octet_length(f{place})::bigint");
        let sum = places.clone().map(|place| format!("coalesce({}, 0)", length(place)));
        let (sum, bytes_max) = (sum.collect::<Vec<_>>().join(" + "), self.bytes_max);
        let held = |place: usize| format!("CASE WHEN {sum} <= {bytes_max} THEN f{place} END");
        let keys = (0..key.len()).map(|place| format!("f{place}"));
        let wanted = keys.chain(places.clone().map(held)).chain(places.map(length));
        // Each text is written once: without an offset the server writes it at every mention.
        format!(
            "SELECT {}, {} FROM (SELECT {} FROM {} WHERE {rows} OFFSET 0) asked",
            wanted.collect::<Vec<_>>().join(", "),
            are_called(&self.table, asked()),
            inner.collect::<Vec<_>>().join(", "),
            self.table.qualified(),
        )
    }

    fn read(&self, session: &Session, sql: &str) -> Result<Vec<(Key, Found)>, Failure> {
        let key = self.table.shape.key.len();
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
            let length = |at: usize| {
                let length: Option<i64> = row.try_get(at).map_err(|_| unexpected("no length"))?;
                Ok(length.map(|length| u64::try_from(length).unwrap_or_default()))
            };
            let texts = (key..key + count).map(text).collect::<Result<_, Failure>>()?;
            let lengths =
                (key + count..key + 2 * count).map(length).collect::<Result<_, Failure>>()?;
            if let Some(key) = (0..key).map(text).collect::<Result<Option<Key>, Failure>>()? {
                found.push((key, Found { lengths, texts }));
            }
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
