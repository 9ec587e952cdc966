//! Whose a table's directory is.
//!
//! A table that is kept under another name than the source's has its rows in a directory that may as well
//! be another table's. A file in it says whose it is; it appears as a whole and once, so of two that want
//! the directory one gets it. Where there is none, files were written under the table's own name.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use cartridge_warp_sdk::{Failure, Location, TablePlace};
use serde_json::json;

use crate::log::Log;
use crate::names::directory_name;
use crate::{disk, failure, partition};

/// The file that says whose a directory is.
const OWNER: &str = "_owner.json";

/// A table's directory, relative to that of its schema at the source.
pub(crate) fn directory(schema: &str, place: &TablePlace) -> String {
    let table = directory_name(&place.table);
    match place.schema == schema {
        true => table,
        false => format!("../{}/{table}", directory_name(&place.schema)),
    }
}

/// What is known of places.
pub(crate) fn locate(root: &Path, places: &[TablePlace]) -> Result<Vec<Location>, Failure> {
    let mut logs: HashMap<&str, Log> = HashMap::new();
    let mut locations = Vec::with_capacity(places.len());
    for place in places {
        let identity = identity(place);
        let directory = root.join(&identity);
        let owner = match written_owner(&directory)? {
            Some(owner) => Some(owner),
            None => {
                let log = match logs.entry(&place.schema) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(Log::read(root, &place.schema)?),
                };
                unwritten_owner(log, place, &directory)?
            }
        };
        locations.push(Location { exists: has_files(&directory)?, owner, identity });
    }
    Ok(locations)
}

/// Makes a directory the table's, unless it is another one's.
pub(crate) fn take(root: &Path, place: &TablePlace, of: &TablePlace) -> Result<(), Failure> {
    let identity = identity(place);
    let directory = root.join(&identity);
    let owner = match written_owner(&directory)? {
        // Nobody else keeps anything under a table's own name without a word.
        None if place == of => return Ok(()),
        None => unwritten_owner(&Log::read(root, &place.schema)?, place, &directory)?,
        written => written,
    };
    if let Some(owner) = owner {
        return if owner == *of { Ok(()) } else { Err(taken(&owner, of, &identity)) };
    }
    disk::make_directory(&directory)?;
    let bytes = json!({ "schema": of.schema, "table": of.table }).to_string();
    if !disk::create(&directory.join(OWNER), bytes.as_bytes())? {
        let owner = written_owner(&directory)?.unwrap_or_else(|| place.clone());
        if owner != *of {
            return Err(taken(&owner, of, &identity));
        }
    }
    disk::sync_directory(&directory)
}

fn identity(place: &TablePlace) -> String {
    format!("{}/{}", directory_name(&place.schema), directory_name(&place.table))
}

/// Whose a directory is that does not say so: the table's of that name, if it keeps anything there.
fn unwritten_owner(
    log: &Log,
    place: &TablePlace,
    directory: &Path,
) -> Result<Option<TablePlace>, Failure> {
    let kept = log.state().tables.get(&place.table);
    let is_own = kept.is_some_and(|shape| shape.directory.is_none()) || has_files(directory)?;
    Ok(is_own.then(|| place.clone()))
}

fn written_owner(directory: &Path) -> Result<Option<TablePlace>, Failure> {
    let path = directory.join(OWNER);
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = std::fs::read(&path).map_err(failure::of(&path))?;
    let parsed: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    let text = |key: &str| Some(parsed.as_ref()?.get(key)?.as_str()?.to_owned());
    match text("schema").zip(text("table")) {
        Some((schema, table)) => Ok(Some(TablePlace { schema, table })),
        None => Err(failure::damaged(&path, "it names no table")),
    }
}

fn has_files(directory: &Path) -> Result<bool, Failure> {
    let is_one = |name: &String| name.starts_with("part-") || partition::is_folder(name);
    Ok(disk::names(directory)?.iter().any(is_one))
}

fn taken(owner: &TablePlace, of: &TablePlace, directory: &str) -> Failure {
    Failure::config(
        "table-name-taken",
        format!(
            "{}.{} and {}.{} would be in the same directory {directory}; keep one of them under \
             another name (destination_schema, table_prefix, destination_table)",
            owner.schema, owner.table, of.schema, of.table
        ),
    )
}
