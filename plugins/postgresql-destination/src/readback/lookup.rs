//! Rows as they are committed now, by their keys.

use std::ops::ControlFlow;

use cartridge_warp_sdk::sql::Reading;
use cartridge_warp_sdk::{Failure, Limits, LookedUp, TablePlan, TableRows};
use postgresql_client::NO_SUCH_VALUE;
use postgresql_client::names::{literal, quoted};
use postgresql_client::print;

use super::{ROW, columns, deleted, prepare, value};
use crate::refusal::Refusal;
use crate::scope::Scope;

/// Keys in one statement.
const KEYS_MAX: usize = 100;

/// Looks up as many rows as the limits allow.
pub(crate) fn look_up(
    scope: Scope<'_>,
    plan: &TablePlan,
    keys: &TableRows,
    limits: Limits,
) -> Result<LookedUp, Refusal> {
    let mut reading = Reading::of(&scope, plan)?;
    prepare(scope)?;
    let (mut answered, mut absent) = (0, Vec::new());
    let asked = keys.len().min(limits.rows_max.max(1));
    while answered < asked {
        let some = answered..asked.min(answered + KEYS_MAX);
        match ask(scope, &mut reading, keys, some.clone()) {
            Ok(found) => absent.extend(some.clone().filter(|place| !found.contains(place))),
            // One of them is no value of its column, so no row has it. Nothing came of the others either.
            Err(refusal) if refusal.failure.code == NO_SUCH_VALUE => {
                absent.extend(one_by_one(scope, &mut reading, keys, some.clone())?);
            }
            Err(refusal) => return Err(refusal),
        }
        answered = some.end;
        if reading.bytes() >= limits.bytes_max {
            break;
        }
    }
    Ok(reading.found(answered, absent)?)
}

/// The places that have no row.
fn one_by_one(
    scope: Scope<'_>,
    reading: &mut Reading,
    keys: &TableRows,
    places: std::ops::Range<usize>,
) -> Result<Vec<usize>, Refusal> {
    let mut absent = Vec::new();
    for place in places {
        match ask(scope, reading, keys, place..place + 1) {
            Ok(found) if !found.is_empty() => {}
            Err(refusal) if refusal.failure.code != NO_SUCH_VALUE => return Err(refusal),
            _ => absent.push(place),
        }
    }
    Ok(absent)
}

/// Takes the rows of some keys; the places of those that have one.
fn ask(
    scope: Scope<'_>,
    reading: &mut Reading,
    keys: &TableRows,
    places: std::ops::Range<usize>,
) -> Result<Vec<usize>, Refusal> {
    let key: Vec<(String, String)> = keys
        .columns()
        .iter()
        .filter_map(|column| reading.table.column(&column.name))
        .map(|kept| (quoted(&kept.column.name), kept.declared.clone()))
        .collect();
    if key.len() != keys.columns().len() {
        return Err(Failure::stop("other-keys", "a key has a column that the table lacks").into());
    }
    let mut wanted = Vec::with_capacity(places.len());
    for place in places {
        let texts = key.iter().enumerate().map(|(at, (_, declared))| {
            print::key(&keys.value(place, at)).map(|text| format!("{}::{declared}", literal(&text)))
        });
        let texts = texts.collect::<Option<Vec<_>>>().ok_or_else(|| {
            Failure::stop("malformed-batch", "keys that are looked up lack values")
        })?;
        wanted.push(format!("({place}, {})", texts.join(", ")));
    }
    let names: Vec<String> = (0..key.len()).map(|at| format!("k{at}")).collect();
    let joined = key.iter().zip(&names).map(|((column, _), k)| format!("{ROW}.{column} = k.{k}"));
    let joined = joined.collect::<Vec<_>>().join(" AND ");
    let live = deleted(reading).map(|deleted| format!(" AND NOT ({deleted})")).unwrap_or_default();
    let query = format!(
        "SELECT k.place, {} FROM (VALUES {}) AS k (place, {}) JOIN {} AS {ROW} ON {joined}{live}",
        columns(reading),
        wanted.join(", "),
        names.join(", "),
        reading.table.sql,
    );
    let mut found = Vec::new();
    scope.session.texts(&query, |row| {
        found.extend(row.get(0).and_then(|place| place.parse::<usize>().ok()));
        reading.take(|to, at, kind| value::set(to, at, kind, row.get(at + 1)));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}
