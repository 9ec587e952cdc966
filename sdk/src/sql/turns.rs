//! The turns of rows that other rows stand in the way of.
//!
//! A row that breaks a second unique constraint or a foreign key is often only early: the row that has
//! its value leaves it later in the same batch, in another table perhaps. Such a row waits, and the
//! later ones of its key wait behind it (I4), until a pass over all that wait moves nothing any more.
//! Passes go forwards and backwards in turn: a chain (each row takes what its neighbour gives up) that
//! is against one direction is with the other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

/// Passes after which no row waits for another any longer.
const PASSES_MAX: u32 = 64;

/// Pieces of work, counted from 0 in the source's order, and which of them are still to be done.
#[derive(Debug)]
pub struct Turns<R> {
    /// The number of each piece's key.
    keys: Vec<usize>,
    waiting: Vec<usize>,
    /// Refused in this pass, with the reason.
    refused: BTreeMap<usize, R>,
    /// Keys that have a refused piece.
    held: HashSet<usize>,
    pass: u32,
}

impl<R> Turns<R> {
    /// Turns of pieces with these keys. Pieces of keys that may be equal have to have one key.
    pub fn of<K: Eq + Hash>(keys: impl IntoIterator<Item = K>) -> Self {
        let mut known = HashMap::new();
        let number = |key: K| {
            let next = known.len();
            *known.entry(key).or_insert(next)
        };
        let keys: Vec<usize> = keys.into_iter().map(number).collect();
        let waiting = (0..keys.len()).collect();
        Self { keys, waiting, refused: BTreeMap::new(), held: HashSet::new(), pass: 0 }
    }

    /// The pieces that are to be tried now, in this order; none when all are settled.
    pub fn order(&self) -> Vec<usize> {
        if self.pass.is_multiple_of(2) {
            return self.waiting.clone();
        }
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut known: HashMap<usize, usize> = HashMap::new();
        for piece in &self.waiting {
            let at = *known.entry(self.keys[*piece]).or_insert(groups.len());
            if at == groups.len() {
                groups.push(Vec::new());
            }
            groups[at].push(*piece);
        }
        groups.into_iter().rev().flatten().collect()
    }

    /// Whether a piece has to be left out of this pass, since an earlier one of its key waits.
    pub fn is_held(&self, piece: usize) -> bool {
        self.held.contains(&self.keys[piece])
    }

    /// A piece was refused because of other rows: it waits. Gives the reason back when it may not wait
    /// any longer.
    pub fn refuse(&mut self, piece: usize, why: R) -> Option<R> {
        if self.pass >= PASSES_MAX {
            return Some(why);
        }
        self.held.insert(self.keys[piece]);
        self.refused.insert(piece, why);
        None
    }

    /// Ends a pass. When it moved nothing, the first waiting piece of each key is given up: these are
    /// answered, with their reasons.
    pub fn end_pass(&mut self) -> Vec<(usize, R)> {
        let before = self.waiting.len();
        let refused = std::mem::take(&mut self.refused);
        let held = std::mem::take(&mut self.held);
        // In the source's order, the first refused piece of a key is the first that waits.
        self.waiting.sort_unstable();
        let firsts: HashMap<usize, usize> =
            refused.keys().rev().map(|piece| (self.keys[*piece], *piece)).collect();
        let waits = |piece: &usize| {
            let key = self.keys[*piece];
            held.contains(&key) && firsts.get(&key).is_some_and(|first| piece >= first)
        };
        self.waiting = self.waiting.iter().copied().filter(waits).collect();
        self.pass += 1;
        if self.waiting.len() < before {
            return Vec::new();
        }
        self.waiting.retain(|piece| !refused.contains_key(piece));
        refused.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies moves `(key, from, to)` of unique values; answers what was given up.
    fn settle(moves: &[(u32, u32, u32)]) -> Vec<usize> {
        let mut taken: HashSet<u32> = moves.iter().map(|(_, from, _)| *from).collect();
        let mut turns = Turns::of(moves.iter().map(|(key, ..)| key));
        let mut given_up = Vec::new();
        loop {
            let order = turns.order();
            if order.is_empty() {
                return given_up;
            }
            for piece in order {
                let (_, from, to) = moves[piece];
                if turns.is_held(piece) {
                    continue;
                }
                if taken.insert(to) {
                    taken.remove(&from);
                } else {
                    given_up.extend(turns.refuse(piece, ()).map(|()| piece));
                }
            }
            given_up.extend(turns.end_pass().into_iter().map(|(piece, ())| piece));
        }
    }

    #[test]
    fn chains_settle_in_either_direction_and_what_cannot_is_given_up() {
        let chain: Vec<_> = (0..1000).map(|at| (at, at, at + 1)).collect();
        let reversed: Vec<_> = chain.iter().rev().copied().collect();
        let none: [usize; 0] = [];
        assert_eq!(settle(&chain), none);
        assert_eq!(settle(&reversed), none);
        // Two that want each other's value, and a third that is free.
        assert_eq!(settle(&[(1, 10, 20), (2, 20, 10), (3, 30, 31)]), [0, 1]);
        // The second move of a key waits behind its first.
        assert_eq!(settle(&[(1, 10, 20), (1, 20, 30), (2, 20, 40)]), none);
    }
}
