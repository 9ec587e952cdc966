//! Removes slot and publication, where they are the connector's own.
//!
//! A slot has no owner that the server knows, and a publication may serve several: what is not surely of this
//! pipeline alone stays, and the answer says why.

use cartridge_warp_sdk::{Failure, Released};
use postgresql_client::names::{literal, quoted};

use crate::PostgresqlSource;
use crate::catalog::publication::MARK;
use crate::catalog::slot::{self, PLUGIN};
use crate::options::PREFIX;
use crate::session::{CHANGED_MEANWHILE, flag};

/// The slot first: one whose publication is gone can decode nothing any more.
pub fn release(source: &PostgresqlSource, schema: &str, dry: bool) -> Result<Released, Failure> {
    let mut released = Released::default();
    released.frees_log = release_slot(source, schema, dry, &mut released)?;
    release_publication(source, schema, dry, &mut released)?;
    Ok(released)
}

/// Whether no slot of the name is left that holds log.
fn release_slot(
    source: &PostgresqlSource,
    schema: &str,
    dry: bool,
    released: &mut Released,
) -> Result<bool, Failure> {
    let (session, server, options) = (&source.control, &source.server, &source.options);
    let name = options.slot(&server.database, schema);
    let what = format!("replication slot {name}");
    let found = match slot::find(session, server, &name) {
        Ok(None) => return Ok(true),
        Ok(Some(_)) => None,
        Err(failure) if slot::is_foreign(&failure) => Some("it is not this connector's"),
        Err(failure) => return Err(failure),
    };
    let reason = match found {
        Some(foreign) => Some(foreign),
        None if options.slot.is_some() => Some("`options.slot` names it"),
        None if !options.create_slot => Some("`options.create_slot` is false"),
        None => None,
    };
    if let Some(reason) = reason {
        released.kept.push(format!("{what}: {reason}"));
        return Ok(false);
    }
    if !dry && slot::find_free(session, server, &name)?.is_some() {
        let sql = format!("SELECT pg_drop_replication_slot({})", literal(&name));
        gone(session.run(&sql)).map_err(|failure| match slot::is_busy(&failure) {
            true => slot::busy(&name, failure),
            false => failure,
        })?;
    }
    released.dropped.push(what);
    Ok(true)
}

fn release_publication(
    source: &PostgresqlSource,
    schema: &str,
    dry: bool,
    released: &mut Released,
) -> Result<(), Failure> {
    let (session, server, options) = (&source.control, &source.server, &source.options);
    let name = options.publication(schema);
    let what = format!("publication {name}");
    // Slots with names of our own are read by publications with names of theirs.
    let rows = session.rows(&format!(
        "SELECT pg_has_role(pubowner, 'USAGE') \
                 AND obj_description(oid, 'pg_publication') IS NOT DISTINCT FROM {}, \
             EXISTS (SELECT FROM pg_replication_slots WHERE plugin = '{PLUGIN}' \
                 AND database = current_database() AND NOT starts_with(slot_name, '{PREFIX}') \
                 AND slot_name <> {}) \
         FROM pg_publication WHERE pubname = {}",
        literal(MARK),
        literal(&options.slot(&server.database, schema)),
        literal(&name)
    ))?;
    let Some(row) = rows.first() else { return Ok(()) };
    // Without the pipeline's name in it, it may be that of one with a named slot, too.
    let may_be_shared = options.pipeline.is_none() && flag(row, 1)?;
    let reason = if options.publication.is_some() {
        "`options.publication` names it"
    } else if !options.create_publication {
        "`options.create_publication` is false"
    } else if !flag(row, 0)? {
        "its comment does not say that this connector made it, or it is another role's; a person made \
         it, or a release before this one"
    } else if may_be_shared {
        "other replication slots of this database may be read by it"
    } else {
        if !dry {
            gone(session.run(&format!("DROP PUBLICATION {}", quoted(&name))))?;
        }
        released.dropped.push(what);
        return Ok(());
    };
    released.kept.push(format!("{what}: {reason}"));
    Ok(())
}

/// What somebody else removed meanwhile is removed.
fn gone(dropped: Result<(), Failure>) -> Result<(), Failure> {
    match dropped {
        Err(failure) if failure.code == CHANGED_MEANWHILE => Ok(()),
        dropped => dropped,
    }
}
