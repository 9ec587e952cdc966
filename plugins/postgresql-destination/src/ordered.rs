//! Applies rows in the source's own order, and those that others are in the way of when they are not.
//!
//! Each row is a statement of its own here. A row that the server refuses because of another one (a
//! second unique constraint, a foreign key) takes its next [turn](Turns) after the others. Rows that take
//! each other's values step aside first; what is left then is refused for good. A truncate is a wall that
//! nothing passes.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use cartridge_warp_sdk::Operation;
use cartridge_warp_sdk::sql::{Rejections, Turns};

use crate::apply::Applier;
use crate::collapse::{Change, Changes, Key, key};
use crate::parking::Parking;
use crate::references::is_referenced;
use crate::refusal::Refusal;
use crate::rescue;
use crate::session::Session;

/// Attempts at an exchange, each without the rows that the last one did not help.
const EXCHANGES_MAX: u32 = 8;

/// The rows of one table's batch.
pub(crate) struct Lane<'a> {
    /// Its place in the request.
    pub(crate) batch: usize,
    pub(crate) applier: Applier<'a>,
}

/// A row of a lane.
#[derive(Debug, Clone, Copy)]
struct Piece {
    lane: usize,
    row: usize,
}

/// What is done with changes of a lane.
type Step<'s> = &'s dyn Fn(usize, &[Change]) -> Result<(), Refusal>;

/// A piece that was refused.
type Refused = (usize, Refusal);

/// Applies the rows of all lanes, one lane after the other.
pub(crate) fn apply(
    session: &Session,
    lanes: &[Lane<'_>],
    rejected: &mut Rejections<'_>,
) -> Result<(), Refusal> {
    let mut pieces = Vec::new();
    for (at, Lane { applier, .. }) in lanes.iter().enumerate() {
        for row in 0..applier.rows.len() {
            if applier.rows.op(row) == Operation::Truncate {
                settle(session, lanes, &std::mem::take(&mut pieces), rejected)?;
                applier.truncate(row)?;
            } else if !applier.encoded.row(row).is_empty() {
                pieces.push(Piece { lane: at, row });
            }
        }
    }
    settle(session, lanes, &pieces, rejected)
}

fn settle(
    session: &Session,
    lanes: &[Lane<'_>],
    pieces: &[Piece],
    rejected: &mut Rejections<'_>,
) -> Result<(), Refusal> {
    let turns = RefCell::new(Turns::of(keys(lanes, pieces)));
    loop {
        let order = turns.borrow().order();
        if order.is_empty() {
            return Ok(());
        }
        let apply = |range: Range<usize>| {
            let turns = turns.borrow();
            let free = order[range].iter().filter(|at| !turns.is_held(**at));
            let free: Vec<Piece> = free.map(|at| pieces[*at]).collect();
            apply_some(lanes, &free, &|lane, changes| lanes[lane].applier.apply_in_order(changes))
        };
        rescue::bisect(session, order.len(), apply, |at, refusal| {
            let piece = order[at];
            let refused = match refusal.conflict {
                true => turns.borrow_mut().refuse(piece, refusal),
                false => Some(refusal),
            };
            refused.map_or(Ok(()), |refusal| reject(lanes, pieces[piece], &refusal, rejected))
        })?;
        let stuck = turns.borrow_mut().end_pass();
        for (piece, refusal) in exchange(session, lanes, pieces, stuck)? {
            reject(lanes, pieces[piece], &refusal, rejected)?;
        }
    }
}

/// Rows that stand in each other's way: each steps aside, its values empty, until all have theirs, or, where
/// values cannot be empty, all leave the table for as long. Answers those that neither helps.
fn exchange(
    session: &Session,
    lanes: &[Lane<'_>],
    pieces: &[Piece],
    stuck: Vec<Refused>,
) -> Result<Vec<Refused>, Refusal> {
    if stuck.len() < 2 {
        return Ok(stuck);
    }
    let aside: Step<'_> = &|lane, changes| lanes[lane].applier.step_aside(changes);
    let apply: Step<'_> = &|lane, changes| lanes[lane].applier.apply_in_order(changes);
    let stuck = match follows_updates(session, lanes, pieces, &stuck)? {
        true => stuck,
        false => trade(session, lanes, pieces, stuck, &[aside, apply])?,
    };
    if stuck.len() < 2 {
        return Ok(stuck);
    }
    let mut parkings = HashMap::new();
    for lane in stuck.iter().map(|(at, _)| pieces[*at].lane) {
        if let Entry::Vacant(entry) = parkings.entry(lane) {
            let Some(parking) = Parking::open(session, &lanes[lane].applier, lane)? else {
                return Ok(stuck);
            };
            entry.insert(parking);
        }
    }
    let steps: [Step<'_>; 3] = [
        &|lane, changes| parkings.get(&lane).map_or(Ok(()), |it| it.leave(changes)),
        &|lane, changes| parkings.get(&lane).map_or(Ok(()), |it| it.change(changes)),
        &|lane, changes| parkings.get(&lane).map_or(Ok(()), |it| it.come_back(changes)),
    ];
    trade(session, lanes, pieces, stuck, &steps)
}

/// Does each step with all rows before the next. Answers those that it does not help: the others are tried
/// again without them.
fn trade(
    session: &Session,
    lanes: &[Lane<'_>],
    pieces: &[Piece],
    mut stuck: Vec<Refused>,
    steps: &[Step<'_>],
) -> Result<Vec<Refused>, Refusal> {
    let mut refused = Vec::new();
    for _ in 0..EXCHANGES_MAX {
        if stuck.len() < 2 {
            break;
        }
        session.run("SAVEPOINT exchange")?;
        let bad = RefCell::new(HashSet::new());
        for step in steps {
            let apply = |range: Range<usize>| {
                let bad = bad.borrow();
                let good = range.filter(|at| !bad.contains(at)).map(|at| pieces[stuck[at].0]);
                apply_some(lanes, &good.collect::<Vec<_>>(), step)
            };
            rescue::bisect(session, stuck.len(), apply, |at, _| {
                bad.borrow_mut().insert(at);
                Ok(())
            })?;
        }
        let bad = bad.into_inner();
        if bad.is_empty() {
            session.run("RELEASE exchange")?;
            return Ok(refused);
        }
        // What stepped aside for nothing comes back.
        session.run("ROLLBACK TO exchange; RELEASE exchange")?;
        let (worse, better): (Vec<_>, Vec<_>) =
            stuck.into_iter().enumerate().partition(|(at, _)| bad.contains(at));
        refused.extend(worse.into_iter().map(|(_, piece)| piece));
        stuck = better.into_iter().map(|(_, piece)| piece).collect();
    }
    refused.extend(stuck);
    Ok(refused)
}

/// Whether a foreign key hands updates of one of these tables on: other rows would be emptied too.
fn follows_updates(
    session: &Session,
    lanes: &[Lane<'_>],
    pieces: &[Piece],
    stuck: &[Refused],
) -> Result<bool, Refusal> {
    let tables: HashSet<&str> =
        stuck.iter().map(|(at, _)| lanes[pieces[*at].lane].applier.table.sql.as_str()).collect();
    for table in tables {
        if is_referenced(session, table, "confupdtype NOT IN ('a', 'r')")? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Does something with rows, one after the other.
fn apply_some(lanes: &[Lane<'_>], pieces: &[Piece], step: Step<'_>) -> Result<(), Refusal> {
    let of_lanes = pieces.chunk_by(|one, next| one.lane == next.lane);
    of_lanes.filter_map(|some| some.first().map(|first| (first.lane, some))).try_for_each(
        |(lane, some)| {
            let applier = &lanes[lane].applier;
            let rows = some.iter().map(|piece| piece.row);
            step(lane, &Changes::each(applier.rows, rows, applier.table.soft).all)
        },
    )
}

/// The key of each piece within its table. Where only the server knows which keys of a table are one,
/// all of them count as one.
fn keys<'a>(
    lanes: &'a [Lane<'_>],
    pieces: &'a [Piece],
) -> impl Iterator<Item = (&'a str, Option<Key<'a>>)> {
    let sent = |lane: &'a Lane<'_>| {
        let shape = lane.applier.shape;
        let columns = shape.key.iter().map(|at| &shape.columns[*at]);
        columns.map(|column| column.wire.sent_as.as_str()).collect::<Vec<_>>()
    };
    let of = |piece: &Piece| {
        let Lane { applier, .. } = &lanes[piece.lane];
        key(applier.encoded.row(piece.row), applier.shape)
    };
    let mut one_form = HashMap::new();
    let mut unknown = HashSet::new();
    for lane in lanes {
        let name = lane.applier.rows.table();
        if *one_form.entry(name).or_insert_with(|| sent(lane)) != sent(lane) {
            unknown.insert(name);
        }
    }
    let untold = pieces.iter().filter(|piece| of(piece).is_none());
    unknown.extend(untold.map(|piece| lanes[piece.lane].applier.rows.table()));
    pieces.iter().map(move |piece| {
        let name = lanes[piece.lane].applier.rows.table();
        (name, if unknown.contains(name) { None } else { of(piece) })
    })
}

fn reject(
    lanes: &[Lane<'_>],
    piece: Piece,
    refusal: &Refusal,
    rejected: &mut Rejections<'_>,
) -> Result<(), Refusal> {
    refusal.reject(lanes[piece.lane].batch, piece.row, rejected)
}
