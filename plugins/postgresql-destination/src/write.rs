//! Commits a batch.
//!
//! The first attempt takes the fast way and no precautions. If the server refuses a row, everything
//! is rolled back and tried again with care: what is good is written, what is not goes to the dead
//! letters of the same transaction, or nothing is written at all (I5). A row that another one is in the
//! way of is not bad: then all rows go in the source's own order, as [`ordered`] has it.

use std::time::Duration;

use cartridge_warp_sdk::sql::{Numbers, Rejections, Tables, planned};
use cartridge_warp_sdk::{Failure, WriteOutcome, WriteRequest};
use postgresql_client::CONFLICT;

use crate::dead_letters;
use crate::emptying;
use crate::epoch::{self, Fence};
use crate::metadata;
use crate::ordered;
use crate::part::{Part, Pauses};
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::stage;

/// How long somebody who got in the way is left alone.
const CONFLICT_PAUSE: Duration = Duration::from_millis(50);

/// How an attempt goes about it, from fast to patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// New rows are copied straight into their tables.
    Copy,
    /// All rows may be there already.
    Upsert,
    /// Rows may be refused.
    Careful,
    /// Rows may be in each other's way: in the source's order, with constraints that can wait until all
    /// rows are there.
    InOrder,
    /// The same, but no constraint waits, so that each row is refused by itself.
    Strict,
}

impl Way {
    /// The way after one that ended with a refusal; none when nothing else helps.
    fn after(self, refusal: &Refusal) -> Option<Self> {
        match self {
            Self::Copy if refusal.uncopyable => Some(Self::Upsert),
            Self::Copy | Self::Upsert | Self::Careful if refusal.conflict => Some(Self::InOrder),
            Self::Copy | Self::Upsert if refusal.blames_row.is_some() => Some(Self::Careful),
            Self::InOrder if refusal.blames_row.is_some() => Some(Self::Strict),
            _ => None,
        }
    }

    /// What has to be said about constraints first.
    fn constraints(self) -> Option<&'static str> {
        match self {
            Self::Copy | Self::Upsert => None,
            Self::InOrder => Some("SET CONSTRAINTS ALL DEFERRED"),
            // Else a row would be refused at the commit, where nobody can say which.
            Self::Careful | Self::Strict => Some("SET CONSTRAINTS ALL IMMEDIATE"),
        }
    }
}

/// Writes rows, dead letters and markers in a transaction of the schema's present owner.
pub(crate) fn batch(
    scope: Scope<'_>,
    request: &WriteRequest,
    tables: &Tables,
    numbers: &mut Numbers,
    pauses: &mut Pauses,
) -> Result<WriteOutcome, Failure> {
    stage::make_room(scope.session)?;
    let parts = request.tables.iter().enumerate();
    let parts = parts.map(|(at, rows)| Part::of(at, rows, tables, request.epoch, numbers));
    let mut parts: Vec<Part<'_>> = parts.collect::<Result<_, Refusal>>()?;
    let mut way = Way::Upsert;
    for part in &mut parts {
        if part.is_copied(pauses) {
            way = Way::Copy;
        } else {
            part.make_ready(scope)?;
        }
    }
    loop {
        let refusal = match attempt(scope, request, tables, &parts, way) {
            Ok(outcome) => return Ok(outcome),
            Err(refusal) => refusal,
        };
        way = way.after(&refusal).ok_or_else(|| repeatable(*refusal.failure))?;
        for part in &mut parts {
            if way == Way::Upsert {
                part.pause(pauses);
            }
            part.make_ready(scope)?;
        }
    }
}

/// A transaction that another one got in the way of is rolled back, so the same batch may come again at once.
fn repeatable(failure: Failure) -> Failure {
    if failure.code == CONFLICT { failure.retry_after(CONFLICT_PAUSE) } else { failure }
}

fn attempt(
    scope: Scope<'_>,
    request: &WriteRequest,
    tables: &Tables,
    parts: &[Part<'_>],
    way: Way,
) -> Result<WriteOutcome, Refusal> {
    let Scope { session, names, schema } = scope;
    stage::begin(session);
    epoch::transaction(session, names, (schema, request.epoch), Fence::Shared, || {
        way.constraints().map_or(Ok(()), |sql| session.run(sql))?;
        for name in &request.clear_tables {
            session.run(&emptying::clear(session, planned(name, tables)?)?)?;
            dead_letters::settle_emptied(scope, name)?;
        }
        let mut rejected = Rejections::of(request);
        match way {
            Way::InOrder | Way::Strict => write_in_order(scope, parts, &mut rejected)?,
            _ => {
                let careful = way == Way::Careful;
                parts.iter().try_for_each(|part| part.write(scope, careful, &mut rejected))?;
            }
        }
        let (outcome, letters) = rejected.finish(tables);
        dead_letters::store(scope, &letters, request.retry.as_ref())?;
        metadata::store_markers(session, names, schema, &request.markers, request.epoch)?;
        Ok(outcome)
    })
}

fn write_in_order(
    scope: Scope<'_>,
    parts: &[Part<'_>],
    rejected: &mut Rejections<'_>,
) -> Result<(), Refusal> {
    let lanes = parts.iter().map(|part| part.lane(scope, rejected));
    let lanes = lanes.collect::<Result<Vec<_>, Refusal>>()?;
    let lanes: Vec<_> = lanes.into_iter().flatten().collect();
    ordered::apply(scope.session, &lanes, rejected)
}
