//! The order in which the rows of a request are applied.
//!
//! Mostly that of the request. Where a row breaks a second unique constraint, the row that has its value
//! may leave it later: then the rows take [`Turns`], and those that take each other's values step aside. A truncate is a wall that nothing passes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use cartridge_warp_sdk::sql::{Rejections, Turns};
use cartridge_warp_sdk::{Failure, Operation, WriteMode};

use crate::apply::{Applier, Refusal, RefusedRow};
use crate::database::Transaction;
use crate::failure;
use crate::parking::Parking;

/// Rows between two signs of life.
const KEEP_ALIVE_ROWS: usize = 1000;
/// Attempts at an exchange, each without the rows that the last one did not help.
const EXCHANGES_MAX: u32 = 8;

/// The code of a failure that only says that rows have to take turns.
pub(crate) const IN_THE_WAY: &str = "rows-in-the-way";

/// Applies the rows of all lanes.
pub(crate) type Way =
    fn(Transaction<'_>, &mut [Applier<'_>], &mut Rejections<'_>) -> Result<(), Failure>;

/// A row of a lane: of one table's batch.
#[derive(Debug, Clone, Copy)]
struct Piece {
    lane: usize,
    row: usize,
}

/// Applies all rows in their order; fails with [`IN_THE_WAY`] where one is in another's way.
pub(crate) fn at_once(
    transaction: Transaction<'_>,
    lanes: &mut [Applier<'_>],
    rejections: &mut Rejections<'_>,
) -> Result<(), Failure> {
    let mut work = Work { transaction, lanes, rejections, applied: 0 };
    for lane in 0..work.lanes.len() {
        for row in 0..work.lanes[lane].rows().len() {
            let piece = Piece { lane, row };
            match work.apply(piece)? {
                Some(refused) if refused.conflict => {
                    return Err(Failure::stop(IN_THE_WAY, refused.message));
                }
                Some(refused) => work.reject(piece, &refused)?,
                None => {}
            }
        }
    }
    Ok(())
}

/// Applies rows in turns; what is left when nothing moves any more is rejected.
pub(crate) fn one_after_the_other(
    transaction: Transaction<'_>,
    lanes: &mut [Applier<'_>],
    rejections: &mut Rejections<'_>,
) -> Result<(), Failure> {
    let mut work = Work { transaction, lanes, rejections, applied: 0 };
    let mut pieces = Vec::new();
    for lane in 0..work.lanes.len() {
        for row in 0..work.lanes[lane].rows().len() {
            let piece = Piece { lane, row };
            let is_wall = work.lanes[lane].rows().op(row) == Operation::Truncate
                && work.lanes[lane].table().write_mode == WriteMode::Upsert;
            if !is_wall {
                pieces.push(piece);
                continue;
            }
            work.settle(&std::mem::take(&mut pieces))?;
            if let Some(refused) = work.apply(piece)? {
                work.reject(piece, &refused)?;
            }
        }
    }
    work.settle(&pieces)
}

/// A piece that was refused.
type Refused = (Piece, RefusedRow);

/// What is done with a row.
type Step<'s, 'a> = &'s dyn Fn(&mut Applier<'a>, Piece) -> Result<(), Refusal>;

struct Work<'w, 'a, 'r> {
    transaction: Transaction<'w>,
    lanes: &'w mut [Applier<'a>],
    rejections: &'w mut Rejections<'r>,
    applied: usize,
}

impl<'a> Work<'_, 'a, '_> {
    fn settle(&mut self, pieces: &[Piece]) -> Result<(), Failure> {
        let key = |piece: &Piece| {
            let lane = &self.lanes[piece.lane];
            (lane.rows().table().to_owned(), lane.key(piece.row))
        };
        let mut turns = Turns::of(pieces.iter().map(key));
        loop {
            let order = turns.order();
            if order.is_empty() {
                return Ok(());
            }
            for at in order {
                if turns.is_held(at) {
                    continue;
                }
                let Some(refused) = self.apply(pieces[at])? else { continue };
                let refused = match refused.conflict {
                    true => turns.refuse(at, refused),
                    false => Some(refused),
                };
                refused.map_or(Ok(()), |refused| self.reject(pieces[at], &refused))?;
            }
            let stuck = turns.end_pass().into_iter().map(|(at, refused)| (pieces[at], refused));
            for (piece, refused) in self.exchange(stuck.collect())? {
                self.reject(piece, &refused)?;
            }
        }
    }

    /// Rows that stand in each other's way: each steps aside, its values empty, until all have theirs, or,
    /// where values cannot be empty, all leave the table for as long. Answers those that neither helps.
    fn exchange(&mut self, stuck: Vec<Refused>) -> Result<Vec<Refused>, Failure> {
        let aside: Step<'_, 'a> = &|applier, piece| applier.step_aside(piece.row);
        let apply: Step<'_, 'a> = &|applier, piece| applier.apply(piece.row);
        let stuck = self.trade(stuck, &[aside, apply])?;
        if stuck.len() < 2 {
            return Ok(stuck);
        }
        let connection = self.transaction.connection;
        let mut parkings = BTreeMap::new();
        for lane in stuck.iter().map(|(piece, _)| piece.lane) {
            if let Entry::Vacant(entry) = parkings.entry(lane) {
                match Parking::open(connection, self.lanes[lane].table(), lane)? {
                    Some(parking) => entry.insert(parking),
                    None => return Ok(stuck),
                };
            }
        }
        let of = |piece: Piece| parkings.get(&piece.lane);
        let leave = |applier: &mut Applier<'a>, piece: Piece| match of(piece) {
            Some(Parking { leave, remove, .. }) => {
                applier.by_key(leave, piece.row)?;
                applier.by_key(remove, piece.row)
            }
            None => Ok(()),
        };
        let change = |applier: &mut Applier<'a>, piece: Piece| match of(piece) {
            Some(parking) => applier.beside(&parking.beside).apply(piece.row),
            None => Ok(()),
        };
        let come_back = |applier: &mut Applier<'a>, piece: Piece| match of(piece) {
            Some(parking) => applier.by_key(&parking.come_back, piece.row),
            None => Ok(()),
        };
        let refused = self.trade(stuck, &[&leave, &change, &come_back])?;
        parkings.into_values().try_for_each(|parking| parking.close(connection))?;
        Ok(refused)
    }

    /// Does each step with all rows before the next. Answers those that it does not help: the others are
    /// tried again without them.
    fn trade(
        &mut self,
        mut stuck: Vec<Refused>,
        steps: &[Step<'_, 'a>],
    ) -> Result<Vec<Refused>, Failure> {
        let connection = self.transaction.connection;
        let run = |sql: &str| connection.execute_batch(sql).map_err(|error| failure::of(&error));
        let mut refused = Vec::new();
        for _ in 0..EXCHANGES_MAX {
            if stuck.len() < 2 {
                break;
            }
            run("SAVEPOINT exchange")?;
            let mut is_bad = vec![false; stuck.len()];
            for step in steps {
                for (at, (piece, _)) in stuck.iter().enumerate() {
                    is_bad[at] = is_bad[at] || self.take(*piece, step)?.is_some();
                }
            }
            if !is_bad.contains(&true) {
                run("RELEASE exchange")?;
                return Ok(refused);
            }
            // What stepped aside for nothing comes back.
            run("ROLLBACK TO exchange; RELEASE exchange")?;
            let (worse, better): (Vec<_>, Vec<_>) =
                stuck.into_iter().zip(is_bad).partition(|(_, is_bad)| *is_bad);
            refused.extend(worse.into_iter().map(|(piece, _)| piece));
            stuck = better.into_iter().map(|(piece, _)| piece).collect();
        }
        refused.extend(stuck);
        Ok(refused)
    }

    fn apply(&mut self, piece: Piece) -> Result<Option<RefusedRow>, Failure> {
        self.take(piece, &|applier, piece| applier.apply(piece.row))
    }

    /// Does something with a row; answers why SQLite does not take it.
    fn take(&mut self, piece: Piece, step: Step<'_, 'a>) -> Result<Option<RefusedRow>, Failure> {
        self.applied += 1;
        if self.applied.is_multiple_of(KEEP_ALIVE_ROWS) {
            self.transaction.keep_alive();
        }
        let refused = match step(&mut self.lanes[piece.lane], piece) {
            Ok(()) => return Ok(None),
            Err(Refusal::Batch(failure)) => return Err(failure),
            Err(Refusal::Row(refused)) => refused,
        };
        // A trigger may have rolled everything back, and then the rest would commit alone.
        if self.transaction.connection.is_autocommit() {
            let RefusedRow { code, message, .. } = &refused;
            return Err(self.rejections.stop(piece.lane, piece.row, code, message));
        }
        Ok(Some(refused))
    }

    fn reject(&mut self, piece: Piece, refused: &RefusedRow) -> Result<(), Failure> {
        self.rejections.add(piece.lane, piece.row, refused.code, &refused.message)
    }
}
