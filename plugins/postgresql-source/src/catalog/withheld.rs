//! Columns whose values this role or the publication keeps from us.
//!
//! They are described, so that the host refuses their table unless the operator leaves them out, and
//! nothing reads them.

use std::collections::{BTreeMap, BTreeSet};

use cartridge_warp_sdk::{Column, Failure};
use postgresql_client::names::{literal, qualified, quoted};

use super::server::VERSION_FILTERS;
use crate::options::Options;
use crate::session::{Session, number, text, unexpected};

/// A column of which only the description travels.
#[derive(Debug, Clone, PartialEq)]
pub struct WithheldColumn {
    /// Its number.
    pub number: i16,
    /// Its name.
    pub name: String,
    /// As the host sees it, with what mends it.
    pub column: Column,
}

impl WithheldColumn {
    /// A column that is kept from us, and what mends that.
    pub fn new(number: i16, name: &str, column: &Column, mended_by: &str) -> Self {
        let column = column.clone().unreadable(mended_by);
        Self { number, name: name.to_owned(), column }
    }

    /// Why a table that has it in its key cannot be followed.
    pub fn obstacle(&self) -> String {
        let mended_by = self.column.unreadable.as_deref().unwrap_or_default();
        format!("column {} of its key is kept from this role: {mended_by}", quoted(&self.name))
    }
}

/// What keeps columns from us.
#[derive(Default)]
pub struct Withholding {
    /// Who we are, as SQL.
    role: String,
    /// The publication that lists columns, as SQL, and the numbers that it lists, by table.
    listed: BTreeMap<u32, (String, BTreeSet<i16>)>,
}

impl Withholding {
    /// Reads the lists of the publications of these schemas.
    pub fn read<'s>(
        session: &Session,
        version: u32,
        schemas: impl Iterator<Item = &'s str>,
        options: &Options,
    ) -> Result<Self, Failure> {
        let role = session.value("SELECT quote_ident(current_user)")?;
        let mut listed = BTreeMap::new();
        if version >= VERSION_FILTERS {
            for schema in schemas.collect::<BTreeSet<_>>() {
                let publication = options.publication(schema);
                for (table, columns) in lists(session, &publication, schema)? {
                    listed.insert(table, (quoted(&publication), columns));
                }
            }
        }
        Ok(Self { role, listed })
    }

    /// Why a column of a table cannot be read; `granted` says whether the role may read it. The words
    /// mend it.
    pub fn mended_by(
        &self,
        (oid, schema, table): (u32, &str, &str),
        (number, column, granted): (i16, &str, bool),
    ) -> Option<String> {
        let (table, role) = (qualified(schema, table), &self.role);
        if !granted {
            return Some(format!("run GRANT SELECT ({}) ON {table} TO {role}", quoted(column)));
        }
        let (publication, listed) = self.listed.get(&oid)?;
        (!listed.contains(&number)).then(|| {
            format!(
                "as the table's owner run ALTER PUBLICATION {publication} DROP TABLE {table}; ALTER \
                 PUBLICATION {publication} ADD TABLE ONLY {table}, whose columns are listed there"
            )
        })
    }
}

fn lists(
    session: &Session,
    publication: &str,
    schema: &str,
) -> Result<Vec<(u32, BTreeSet<i16>)>, Failure> {
    let rows = session.rows(&format!(
        "SELECT r.prrelid, r.prattrs::text FROM pg_publication_rel r \
         JOIN pg_publication p ON p.oid = r.prpubid \
         JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE r.prattrs IS NOT NULL AND p.pubname = {} AND n.nspname = {}",
        literal(publication),
        literal(schema)
    ))?;
    let list = |row| {
        let numbers = text(row, 1)?.split_whitespace().map(str::parse);
        let numbers = numbers.collect::<Result<_, _>>();
        Ok((number(row, 0)?, numbers.map_err(|_| unexpected("a list has no columns"))?))
    };
    rows.iter().map(list).collect()
}
