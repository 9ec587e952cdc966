//! How the rows of one table are read, also of a partition on which this role has no rights of its own:
//! those on the partitioned table are enough for the server.

use cartridge_warp_sdk::Failure;
use postgresql_client::names;

use crate::session::{Session, flag, text};

/// What SQL needs to read the rows of one table and no others.
#[derive(Debug)]
pub struct Rows {
    /// Behind `FROM`.
    pub from: String,
    /// What tells them apart there.
    pub condition: Option<String>,
    /// Behind `LOCK TABLE`.
    pub lock: String,
    /// Where rows lie, and in which table, is only told to those who may read the table as a whole.
    pub has_places: bool,
}

impl Rows {
    /// The condition and others, as a clause.
    pub fn clause(&self, others: impl IntoIterator<Item = String>) -> String {
        let parts: Vec<String> = self.condition.iter().cloned().chain(others).collect();
        if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
    }
}

/// Finds out; none when the table is gone.
pub fn rows_of(session: &Session, oid: u32) -> Result<Option<Rows>, Failure> {
    let rows = session.rows(&format!(
        "SELECT n.nspname, c.relname, NOT c.relispartition OR coalesce( \
                 has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE'), true), \
             rn.nspname, r.relname, pg_get_partition_constraintdef(c.oid), \
             coalesce(has_table_privilege(c.oid, 'SELECT'), true), \
             coalesce(has_table_privilege(r.oid, 'SELECT'), false) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_class r ON r.oid = pg_partition_root(c.oid) \
         LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace WHERE c.oid = {oid}"
    ))?;
    let Some(row) = rows.first() else { return Ok(None) };
    let field = |at: usize| row.try_get(at).ok().flatten();
    let itself = format!("ONLY {}", names::qualified(text(row, 0)?, text(row, 1)?));
    let (Some(schema), Some(root), false) = (field(3), field(4), flag(row, 2)?) else {
        let has_places = flag(row, 6)?;
        return Ok(Some(Rows { from: itself.clone(), condition: None, lock: itself, has_places }));
    };
    let root = names::qualified(schema, root);
    let has_places = flag(row, 7)?;
    // The constraint alone says which rows they are, and lets the server leave the other partitions out.
    let table = has_places.then(|| format!("tableoid = {oid}"));
    let bounds = field(5).map(|bounds| format!("({bounds})"));
    let conditions: Vec<String> = table.into_iter().chain(bounds).collect();
    let condition = (!conditions.is_empty()).then(|| conditions.join(" AND "));
    Ok(Some(Rows { from: root.clone(), condition, lock: root, has_places }))
}
