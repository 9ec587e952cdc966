//! Which operator tells rows of a table apart.

use std::collections::BTreeMap;

use cartridge_warp_sdk::Failure;

use super::SourceTable;
use crate::session::{Session, number, text};

/// By which operator each key column of a table is told from others, as SQL: that of its index, which no
/// search path has where the type is an extension's.
pub fn operators(session: &Session, table: &SourceTable) -> Result<BTreeMap<i16, String>, Failure> {
    // The third of a B-tree's operators is equality.
    let rows = session.rows(&format!(
        "SELECT k.attnum, quote_ident(n.nspname) || '.' || o.oprname \
         FROM pg_index i CROSS JOIN LATERAL \
             unnest(i.indkey::int2[], i.indclass::oid[]) AS k(attnum, opclass) \
         JOIN pg_opclass c ON c.oid = k.opclass \
         JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree' \
         JOIN pg_amop a ON a.amopfamily = c.opcfamily AND a.amopstrategy = 3 \
             AND a.amoplefttype = c.opcintype AND a.amoprighttype = c.opcintype \
         JOIN pg_operator o ON o.oid = a.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace \
         WHERE i.indrelid = {} AND {}",
        table.oid,
        if table.replica_identity == 'i' { "i.indisreplident" } else { "i.indisprimary" }
    ))?;
    rows.iter().map(|row| Ok((number(row, 0)?, text(row, 1)?.to_owned()))).collect()
}
