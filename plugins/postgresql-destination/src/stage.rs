//! Temporary tables that large batches go through.
//!
//! They are made outside of transactions, so that none is rolled back, and live as long as the
//! session. The server empties them at each commit.

use cartridge_warp_sdk::WriteMode;
use cartridge_warp_sdk::sql::Table;

use crate::refusal::Refusal;
use crate::session::Session;
use crate::shape::Shape;
use crate::stages::Stage;
use crate::statement::LOGGED;

/// Staging tables kept at a time: the server empties each of them at each commit.
const STAGES_MAX: usize = 32;

/// Makes the staging table for a batch and returns its name.
pub(crate) fn ensure(session: &Session, table: &Table, shape: &Shape) -> Result<String, Refusal> {
    let columns = columns(table, shape);
    let mut stages = session.stages.borrow_mut();
    if let Some(stage) = stages.known.get(&columns) {
        return Ok(stage.name.clone());
    }
    stages.made += 1;
    let name = format!("pg_temp._cartridge_stage_{}", stages.made);
    session.run(&format!(
        "CREATE TEMPORARY TABLE {} ({columns}) ON COMMIT DELETE ROWS",
        name.trim_start_matches("pg_temp.")
    ))?;
    stages.known.insert(columns, Stage { name: name.clone(), used: false });
    Ok(name)
}

/// Called before a request makes its staging tables: forgets them all when there are too many.
pub(crate) fn make_room(session: &Session) -> Result<(), Refusal> {
    let mut stages = session.stages.borrow_mut();
    if stages.known.len() <= STAGES_MAX {
        return Ok(());
    }
    let names: Vec<&str> = stages.known.values().map(|stage| stage.name.as_str()).collect();
    session.run(&format!("DROP TABLE {}", names.join(", ")))?;
    stages.known.clear();
    session.forget_statements();
    Ok(())
}

/// Called when a transaction begins: every staging table is empty.
pub(crate) fn begin(session: &Session) {
    session.stages.borrow_mut().known.values_mut().for_each(|stage| stage.used = false);
}

/// Called before rows are put into a staging table.
pub(crate) fn empty(session: &Session, name: &str) -> Result<(), Refusal> {
    let mut stages = session.stages.borrow_mut();
    let Some(stage) = stages.known.values_mut().find(|stage| stage.name == name) else {
        return Ok(());
    };
    if std::mem::replace(&mut stage.used, true) {
        session.run(&format!("TRUNCATE TABLE {name}"))?;
    }
    Ok(())
}

/// Whether staged rows say when they were deleted, and whether they count their changes.
pub(crate) fn extras(table: &Table) -> (bool, bool) {
    (table.soft_column.is_some(), table.audit)
}

fn columns(table: &Table, shape: &Shape) -> String {
    let data = shape.columns.iter().map(|column| column.wire.sent_as.as_str());
    let mut own: Vec<&str> = Vec::new();
    let mut types: Vec<&str> = data.collect();
    if table.write_mode == WriteMode::Append {
        types.extend(LOGGED.map(|(_, sent_as)| sent_as));
    } else {
        let (deletions, versions) = extras(table);
        own.extend(["act smallint", "mask smallint"]);
        if deletions {
            own.extend(["at timestamp with time zone", "gone boolean"]);
        }
        if versions {
            own.push("versions bigint");
        }
    }
    let own = own.into_iter().map(str::to_owned);
    let data = types.iter().enumerate().map(|(at, type_)| format!("c{at} {type_}"));
    own.chain(data).collect::<Vec<_>>().join(", ")
}
