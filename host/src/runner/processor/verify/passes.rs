//! The first two passes: all rows of a table into sums, and then those one by one whose sums differ.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{
    buckets::{Buckets, Differing, Place},
    report::Compared,
    scan::{self, Beside, End, LIMITS, NOT_READ},
    settle::{Open, Opens},
    sides::Sides,
    view::{Rows, View},
};
use crate::{
    model::TableShape,
    plugin::ReadLimits,
    runner::{
        error::RunError,
        table::{Table, key_of, unencodable},
    },
    schema::Hashed,
};

/// Until the destination has said which columns it reads back.
const FIRST: ReadLimits = ReadLimits { rows_max: 1, ..LIMITS };
/// Rows that are kept one by one, whatever a connector tells in the second pass (I7).
const KEPT_MAX: usize = 500_000;
/// Keys of rows that one side cannot tell; of usual keys more than rows are kept (I7).
const UNTOLD_BYTES_MAX: usize = 64 << 20;

/// What each side told of a row in the second pass.
#[derive(Default)]
struct Told {
    said: Option<String>,
    source: (u32, u128),
    destination: (u32, u128),
}

/// Rows by the hashes of their keys.
#[derive(Default)]
struct Kept {
    rows: HashMap<u128, Told>,
    /// How many there was no room for.
    left: u64,
}

impl Sides<'_> {
    /// Leaves columns out that the destination does not read back.
    pub async fn leave_out_unread(
        &self,
        view: &mut View,
        report: &mut Compared,
    ) -> Result<(), End> {
        const UNREAD: &str = "its destination does not read it back";
        let (schema, name) = (self.context.name(), view.plan.name.clone());
        let mut cursor = None;
        loop {
            let read = self.destination.read(schema, &view.plan, cursor, FIRST).await;
            let read = read.map_err(|error| error.about(&name))?;
            let read = read.ok_or_else(|| End::NotCompared(NOT_READ.into()))?;
            if let Some(rows) = read.rows {
                let lacking = view.retain(&rows.columns).into_iter();
                report.left_out.extend(lacking.map(|name| (name, UNREAD.to_owned())));
                return Ok(());
            }
            // Behind rows that are marked as deleted.
            let Some(next) = read.next_cursor else { return Ok(()) };
            cursor = Some(next);
        }
    }

    /// Both sides at once.
    async fn both(
        &self,
        (table, view): (&mut Table, &View),
        of_source: impl FnMut(&Rows) -> Result<(), RunError>,
        of_destination: impl FnMut(&Rows) -> Result<(), RunError>,
        (refused, unreadable): (impl FnMut(Option<String>), impl FnMut(Option<String>)),
    ) -> Result<(Beside, Beside), End> {
        let source = scan::source(self, (table, view), of_source, refused);
        let destination = scan::destination(self, view, of_destination, unreadable);
        tokio::try_join!(source, destination)
    }

    /// The first pass: both sides at once.
    pub async fn sum(
        &self,
        table: &mut Table,
        view: &View,
        described: &TableShape,
        report: &mut Compared,
    ) -> Result<(Buckets, Beside), End> {
        let estimated = described.estimated_rows.unwrap_or(u64::MAX);
        let buckets = Mutex::new(Buckets::for_rows(estimated));
        let bar = self.context.progress.snapshot_bar(&view.plan.name, described.estimated_rows);
        let (mut source_rows, mut destination_rows) = (0, 0);
        let of_source = |rows: &Rows| {
            let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
            rows.hashed.iter().for_each(|row| buckets.add(row));
            source_rows += rows.hashed.len() as u64;
            bar.advance(rows.hashed.len() as u64);
            Ok(())
        };
        let of_destination = |rows: &Rows| {
            let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
            rows.hashed.iter().for_each(|row| buckets.subtract(row));
            destination_rows += rows.hashed.len() as u64;
            Ok(())
        };
        let (at_source, at_destination) =
            self.both((table, view), of_source, of_destination, (|_| {}, |_| {})).await?;
        report.source_rows = source_rows + at_source.refused;
        report.destination_rows = destination_rows;
        let buckets = buckets.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((buckets, Beside { refused: at_source.refused, ..at_destination }))
    }

    /// The second pass: the rows that differ one by one, those of the source that cannot travel, and those that the
    /// destination cannot read.
    pub async fn collect(
        &self,
        table: &mut Table,
        view: &View,
        differing: &Differing,
        report: &mut Compared,
    ) -> Result<Suspected, End> {
        let (kept, mut refused, mut unreadable) =
            (Mutex::new(Kept::default()), Untold::default(), Untold::default());
        let take = |rows: &Rows, of: fn(&mut Told) -> &mut (u32, u128)| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.take(rows, view, differing, of)
        };
        let mut left = 0;
        let of_source = |rows: &Rows| {
            let is_left = |row: &&Hashed| differing.place_of(row) == Place::Left;
            left += rows.hashed.iter().filter(is_left).count() as u64;
            take(rows, |told| &mut told.source)
        };
        let of_destination = |rows: &Rows| take(rows, |told| &mut told.destination);
        let beside = (|said| refused.keep(said), |said| unreadable.keep(said));
        self.both((table, view), of_source, of_destination, beside).await?;
        let kept = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.not_looked_into = left;
        let left = kept.left + refused.left + unreadable.left;
        report.unknown(left, "there are too many of them at once");
        let differ = kept.rows.into_iter().filter(|(_, told)| told.source != told.destination);
        let sides = |told: &Told| (told.source.0 > 0, told.destination.0 > 0);
        let differ = differ.map(|(hash, told)| (Some(hash), sides(&told), told.said));
        let refused = refused.keys.into_iter().map(|said| (None, (true, false), said));
        let unreadable = unreadable.keys.into_iter().map(|said| (None, (false, true), said));
        let (mut opens, mut keyless) = (Opens::new(), 0);
        for row in refused {
            keyless += open(table, view, row, &mut opens)?;
        }
        let mut unknown = 0;
        for row in differ.chain(unreadable) {
            unknown += open(table, view, row, &mut opens)?;
        }
        report.unknown(unknown, NO_KEY);
        Ok(Suspected { opens, keyless })
    }
}

/// What is to be decided about.
#[derive(Default)]
pub struct Suspected {
    pub opens: Opens,
    /// Rows that the source cannot tell, not even by a key.
    pub keyless: u64,
}

pub const NO_KEY: &str = "the rows have no key that they could be looked up by";

/// A row that differs: the hash of its key where rows were told, which side told it, and its key.
type Suspect = (Option<u128>, (bool, bool), Option<String>);

/// Has a row looked up; how many cannot be.
fn open(
    table: &Table,
    view: &View,
    (hash, sides, said): Suspect,
    opens: &mut Opens,
) -> Result<u64, RunError> {
    let texts = said.as_deref().and_then(|said| table.read_key(said));
    let key = match &texts {
        Some(texts) => view.keys(table, &[texts])?.pop().flatten(),
        None => None,
    };
    // A key that is not read back as the row has it would be another row's.
    match (key.filter(|key| hash.is_none_or(|hash| hash == *key)), said, texts) {
        (Some(key), Some(said), Some(texts)) => {
            let open = opens.entry(key).or_insert_with(|| Open::new(said, texts));
            open.is_of_source |= sides.0;
            open.is_of_destination |= sides.1;
            Ok(0)
        }
        _ => Ok(1),
    }
}

/// Rows that a connector says it cannot tell, by the keys that it says.
#[derive(Default)]
struct Untold {
    keys: Vec<Option<String>>,
    bytes: usize,
    /// How many there was no room for.
    left: u64,
}

impl Untold {
    fn keep(&mut self, said: Option<String>) {
        self.bytes += size_of_val(&said) + said.as_ref().map_or(0, String::len);
        if self.bytes <= UNTOLD_BYTES_MAX {
            self.keys.push(said);
        } else {
            self.left += 1;
        }
    }
}

impl Kept {
    /// Takes note of rows that are looked into.
    fn take(
        &mut self,
        rows: &Rows,
        view: &View,
        differing: &Differing,
        of: fn(&mut Told) -> &mut (u32, u128),
    ) -> Result<(), RunError> {
        let is_chosen = |row: &Hashed| differing.place_of(row) == Place::Chosen;
        for (at, row) in rows.hashed.iter().enumerate().filter(|(_, row)| is_chosen(row)) {
            if self.rows.len() >= KEPT_MAX && !self.rows.contains_key(&row.key) {
                self.left += 1;
                continue;
            }
            let told = self.rows.entry(row.key).or_default();
            if told.said.is_none() {
                let said = key_of(&rows.columns, at, &view.plan.key);
                told.said = said.map_err(|cause| unencodable(&view.plan.name, cause))?;
            }
            let (count, sum) = of(told);
            *count = count.wrapping_add(1);
            *sum = sum.wrapping_add(row.row);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_a_connector_makes_up_take_no_more_than_their_room() {
        let mut untold = Untold::default();
        for _ in 0..100 {
            untold.keep(Some("k".repeat(1 << 20)));
            untold.keep(None);
        }
        let held: usize = untold.keys.iter().flatten().map(String::len).sum();
        assert!(held <= UNTOLD_BYTES_MAX && held > UNTOLD_BYTES_MAX / 2, "{held}");
        assert_eq!(untold.keys.len() as u64 + untold.left, 200, "each is counted");
    }
}
