//! All rows of both sides in little memory: by the hash of its key each belongs to a bucket, which has how many more
//! the source has than the destination, and the sum of their hashes. Sums know no order, so each side is read in its
//! cheapest one, and where nothing is left of a bucket both sides have the same rows in it.

use crate::schema::Hashed;

/// Buckets; 32 MiB (I7).
const BUCKETS_MAX: u64 = 1 << 20;
const BUCKETS_MIN: u64 = 1 << 10;
/// Rows of a bucket, where there are enough buckets: so few are read again for one that differs.
const ROWS_PER_BUCKET: u64 = 16;
/// Rows that are kept one by one behind buckets that differ, about (I7).
const ROWS_KEPT_MAX: u64 = 200_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    rows: i64,
    sum: u128,
}

/// What the source has more than the destination.
#[derive(Debug)]
pub struct Buckets(Vec<Bucket>);

/// Whether rows of a bucket are looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// They are the same on both sides.
    Equal,
    Chosen,
    /// They are too many beside those that are.
    Left,
}

/// Which buckets are looked into.
#[derive(Debug)]
pub struct Differing {
    places: Vec<Place>,
    /// How many differ, and how many of those are looked into.
    pub all: u64,
    pub chosen: u64,
}

impl Buckets {
    /// For about so many rows.
    pub fn for_rows(rows: u64) -> Self {
        let wanted = (rows / ROWS_PER_BUCKET).clamp(BUCKETS_MIN, BUCKETS_MAX);
        let buckets = wanted.checked_next_power_of_two().unwrap_or(BUCKETS_MAX);
        Self(vec![Bucket::default(); usize::try_from(buckets).unwrap_or(1)])
    }

    /// The source has a row.
    pub fn add(&mut self, row: &Hashed) {
        if let Some(bucket) = place(self.0.len(), row.key).and_then(|at| self.0.get_mut(at)) {
            bucket.rows = bucket.rows.wrapping_add(1);
            bucket.sum = bucket.sum.wrapping_add(row.row);
        }
    }

    /// The destination has one.
    pub fn subtract(&mut self, row: &Hashed) {
        if let Some(bucket) = place(self.0.len(), row.key).and_then(|at| self.0.get_mut(at)) {
            bucket.rows = bucket.rows.wrapping_sub(1);
            bucket.sum = bucket.sum.wrapping_sub(row.row);
        }
    }

    /// The buckets that differ: as many of them as have no more rows than may be kept, given how many rows there are
    /// in all.
    pub fn differing(&self, rows: u64) -> Differing {
        let per_bucket = (rows / self.0.len() as u64).max(1);
        let room = (ROWS_KEPT_MAX / per_bucket).max(1);
        let (mut all, mut chosen) = (0, 0);
        let places = self.0.iter().map(|bucket| {
            if *bucket == Bucket::default() {
                return Place::Equal;
            }
            all += 1;
            if chosen == room {
                return Place::Left;
            }
            chosen += 1;
            Place::Chosen
        });
        let places = places.collect();
        Differing { places, all, chosen }
    }
}

impl Differing {
    /// Whether a row is looked into.
    pub fn place_of(&self, row: &Hashed) -> Place {
        let at = place(self.places.len(), row.key);
        at.and_then(|at| self.places.get(at)).copied().unwrap_or(Place::Equal)
    }
}

fn place(buckets: usize, key: u128) -> Option<usize> {
    usize::try_from(key % (buckets as u128)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: u128, row: u128) -> Hashed {
        Hashed { key, row }
    }

    #[test]
    fn only_buckets_with_other_rows_are_left() {
        let mut buckets = Buckets::for_rows(10_000);
        for key in 0..5_000 {
            buckets.add(&row(key, u128::MAX - key));
        }
        for key in (0..5_000).rev() {
            buckets.subtract(&row(key, u128::MAX - key));
        }
        assert_eq!(buckets.differing(5_000).all, 0);
        // One that is another, one that is lost, one that is twice there.
        buckets.subtract(&row(7, 1));
        buckets.add(&row(7, 2));
        buckets.add(&row(8, 1));
        buckets.subtract(&row(9, 1));
        let differing = buckets.differing(5_000);
        assert_eq!((differing.all, differing.chosen), (3, 3));
        let found = [7, 8, 9, 10].map(|key| differing.place_of(&row(key, 0)));
        assert_eq!(found, [Place::Chosen, Place::Chosen, Place::Chosen, Place::Equal]);
    }

    #[test]
    fn no_more_rows_are_kept_than_may_be() {
        let mut buckets = Buckets::for_rows(u64::MAX);
        (0..1 << 20).for_each(|key| buckets.add(&row(key, 1)));
        let differing = buckets.differing(100 << 20);
        assert_eq!((differing.all, differing.chosen), (1 << 20, ROWS_KEPT_MAX / 100));
    }
}
