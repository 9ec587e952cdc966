//! Cuts a table into stretches of pages.

use cartridge_warp_sdk::{Chunk, Failure};

use super::cursor::Descriptor;
use crate::PostgresqlSource;
use crate::catalog::server::VERSION_RANGE_SCAN;
use crate::catalog::{publication, waiting};
use crate::position::Position;
use crate::session::{flag, number};

/// Chunks are not smaller than this many pages: 16 MiB.
const PAGES_MIN: u64 = 2048;
/// Chunks of one table, so that their descriptors stay small.
const CHUNKS_MAX: u64 = 10_000;

/// A table or partition with rows of its own.
struct Part {
    oid: u32,
    file: u32,
    pages: u64,
    rows: u64,
    /// Whether stretches of it can be read.
    has_places: bool,
}

/// Plans about `target` chunks; one at least for each partition.
pub fn plan(
    source: &mut PostgresqlSource,
    schema: &str,
    table: &str,
    start: &[u8],
    target: u32,
) -> Result<Vec<Chunk>, Failure> {
    source.load(schema)?;
    let start = Position::decode(start)?;
    let found = source.table(schema, table)?;
    let what = format!("the copy of the new table {}", found.qualified());
    let is_new = start.tables.iter().all(|followed| followed.oid != found.oid);
    if is_new && !source.snapshot.waits.is_begun(&what) {
        // New to a stream that runs already: from here on its changes are in the log.
        let name = source.options.publication(schema);
        let create = source.options.create_publication;
        let tables = std::slice::from_ref(&found);
        publication::ensure(&source.control, &source.server, &name, tables, create)?;
        // Whoever added it, and whenever: transactions that were open then are in the log only in
        // part, and the copy that does not see them would lack the rest.
        source.snapshot.waits.begin(&source.control, &what, Vec::new())?;
    }
    if is_new {
        source.snapshot.waits.end(&source.control, &what)?;
    }
    let parts = parts(source, found.oid)?;
    let pages: u64 = parts.iter().map(|part| part.pages).sum();
    // Without range scans each chunk would read the whole table.
    let cuttable = source.server.version >= VERSION_RANGE_SCAN;
    let target = if cuttable { u64::from(target.max(1)).min(CHUNKS_MAX) } else { 1 };
    let step = pages.div_ceil(target).max(PAGES_MIN);
    let step = if cuttable { step } else { u64::MAX };
    Ok(parts
        .iter()
        .flat_map(|part| cut(part, if part.has_places { step } else { u64::MAX }))
        .collect())
}

/// The tables that hold the rows: itself, or its partitions.
fn parts(source: &PostgresqlSource, oid: u32) -> Result<Vec<Part>, Failure> {
    let rows = source.control.rows(&format!(
        "SELECT c.oid, file, coalesce(pg_relation_size(c.oid), 0) \
                 / current_setting('block_size')::bigint, greatest(c.reltuples, 0)::bigint, \
             coalesce(has_table_privilege(c.oid, 'SELECT') \
                 OR has_table_privilege({oid}, 'SELECT'), true) \
         FROM pg_class c CROSS JOIN pg_relation_filenode(c.oid) AS file \
         WHERE c.relkind = 'r' AND file IS NOT NULL AND \
             (c.oid = {oid} OR c.oid IN (SELECT relid FROM pg_partition_tree({oid}))) \
         ORDER BY c.oid"
    ));
    let rows = rows.map_err(|failure| {
        waiting::or_failed(&source.control, "planning the copy of a table", &[oid], failure)
    })?;
    let part = |row| {
        Ok(Part {
            oid: number(row, 0)?,
            file: number(row, 1)?,
            pages: number(row, 2)?,
            rows: number(row, 3)?,
            has_places: flag(row, 4)?,
        })
    };
    rows.iter().map(part).collect()
}

/// Whether the copy of any selected table goes on behind each of its rows, and not by reading it from its beginning.
pub fn goes_on_anywhere(source: &PostgresqlSource) -> Result<bool, Failure> {
    if source.server.version < VERSION_RANGE_SCAN {
        return Ok(false);
    }
    let oids: Vec<String> = source.selected().iter().map(|table| table.oid.to_string()).collect();
    // A table that is gone has nothing to be read.
    let refused = source.control.value(&format!(
        "SELECT count(*) FROM unnest('{{{}}}'::oid[]) AS oid WHERE NOT has_table_privilege(oid, 'SELECT')",
        oids.join(",")
    ))?;
    Ok(refused == "0")
}

/// The last stretch has no end: the table may grow.
fn cut(part: &Part, step: u64) -> Vec<Chunk> {
    let count = part.pages.div_ceil(step).max(1);
    let page = |page: u64| u32::try_from(page).unwrap_or(u32::MAX);
    (0..count)
        .map(|at| {
            let from = page(at * step);
            let to = (at + 1 < count).then(|| page((at + 1) * step));
            let descriptor = Descriptor { oid: part.oid, file: part.file, from, to };
            Chunk {
                id: format!("{}-{from}", part.oid),
                descriptor: descriptor.encode(),
                estimated_rows: Some(part.rows / count),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_meet_and_the_last_is_open() {
        for (pages, step, expected) in [
            (0, 2048, vec![(0, None)]),
            (2048, 2048, vec![(0, None)]),
            (5000, 2048, vec![(0, Some(2048)), (2048, Some(4096)), (4096, None)]),
            (5000, u64::MAX, vec![(0, None)]),
        ] {
            let chunks = cut(&Part { oid: 1, file: 2, pages, rows: 90, has_places: true }, step);
            let stretches: Vec<_> = chunks
                .iter()
                .map(|chunk| Descriptor::decode(&chunk.descriptor).unwrap())
                .map(|descriptor| (descriptor.from, descriptor.to))
                .collect();
            assert_eq!(stretches, expected, "{pages} pages");
        }
    }
}
