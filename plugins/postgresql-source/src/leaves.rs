//! The partitions that a position remembers.
//!
//! Under a root's name the log tells of rows only: partitions that come with rows, go with them or are
//! emptied leave no word in it. So a position knows each partition and the file of its rows.

use std::collections::BTreeMap;

/// A partition of which only the log has told so far: no file has this number.
const MET: u32 = 0;
/// What a root takes in a position, and what each of its partitions does.
const ROOT_LENGTH: usize = 22;
const LEAF_LENGTH: usize = 8;

/// Partitioned tables by object id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leaves(pub BTreeMap<u32, Root>);

/// A partitioned table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Root {
    /// Transactions with smaller numbers had ended when the partitions were looked at.
    pub mark: u64,
    /// The last transaction that emptied the table as a whole, of which the log tells.
    pub emptied_by: u32,
    /// Stands for the transactions that attached the partitions: another number where one was attached
    /// anew, and so was none for a while.
    pub attached: u32,
    /// For each partition with rows of its own the number of their file.
    pub files: BTreeMap<u32, u32>,
}

impl Leaves {
    /// What they take in a position.
    pub fn length(&self) -> usize {
        let root = |root: &Root| ROOT_LENGTH + LEAF_LENGTH * root.files.len();
        size_of::<u16>() + self.0.values().map(root).sum::<usize>()
    }

    /// Whether there are so many that their count cannot be told.
    pub fn are_countable(&self) -> bool {
        let most = usize::from(u16::MAX);
        self.0.len() <= most && self.0.values().all(|root| root.files.len() <= most)
    }

    /// The log has rows of this partition; false where that is no news.
    pub fn is_new(&self, root: u32, leaf: u32) -> bool {
        self.0.get(&root).is_some_and(|root| !root.files.contains_key(&leaf))
    }

    /// Remembers a partition of which the log has rows and of which nothing else is known.
    pub fn meet(&mut self, root: u32, leaf: u32) {
        if let Some(root) = self.0.get_mut(&root) {
            root.files.entry(leaf).or_insert(MET);
        }
    }

    /// Whether there are partitions of which only the log has told.
    pub fn has_met_some(&self) -> bool {
        self.0.values().any(|root| root.files.values().any(|file| *file == MET))
    }

    /// Remembers which transaction emptied a whole table.
    pub fn emptied(&mut self, root: u32, transaction: u32) {
        if let Some(root) = self.0.get_mut(&root) {
            root.emptied_by = transaction;
        }
    }

    /// Appends them to a position.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        let count = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
        bytes.extend(count(self.0.len()));
        for (oid, root) in &self.0 {
            bytes.extend(oid.to_le_bytes());
            bytes.extend(root.mark.to_le_bytes());
            bytes.extend(root.emptied_by.to_le_bytes());
            bytes.extend(root.attached.to_le_bytes());
            bytes.extend(count(root.files.len()));
            for (leaf, file) in &root.files {
                bytes.extend(leaf.to_le_bytes());
                bytes.extend(file.to_le_bytes());
            }
        }
    }

    /// Reads them off a position; what follows comes back, too.
    pub fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (count, mut rest) = bytes.split_first_chunk()?;
        let mut roots = BTreeMap::new();
        for _ in 0..u16::from_le_bytes(*count) {
            let (oid, behind) = number(rest)?;
            let (mark, behind) = behind.split_first_chunk()?;
            let (emptied_by, behind) = number(behind)?;
            let (attached, behind) = number(behind)?;
            let (count, behind) = behind.split_first_chunk()?;
            let mark = u64::from_le_bytes(*mark);
            let mut root = Root { mark, emptied_by, attached, files: BTreeMap::new() };
            rest = behind;
            for _ in 0..u16::from_le_bytes(*count) {
                let (leaf, behind) = number(rest)?;
                let (file, behind) = number(behind)?;
                root.files.insert(leaf, file);
                rest = behind;
            }
            roots.insert(oid, root);
        }
        Some((Self(roots), rest))
    }
}

impl Root {
    /// The file of a partition when it was looked at; none of one that was not there.
    pub fn file(&self, leaf: u32) -> Option<u32> {
        self.files.get(&leaf).copied().filter(|file| *file != MET)
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_survive_and_cut_ones_are_refused() {
        let files = |count: u32| (0..count).map(|leaf| (leaf, leaf + 7)).collect();
        let root = |count| Root { mark: 5 << 32, emptied_by: 9, attached: 8, files: files(count) };
        let leaves = Leaves([(1, root(3)), (2, root(0))].into());
        let mut bytes = Vec::new();
        leaves.encode(&mut bytes);
        assert_eq!(bytes.len(), leaves.length());
        for end in 0..bytes.len() {
            assert_eq!(Leaves::decode(&bytes[..end]), None, "cut at {end}");
        }
        bytes.push(42);
        assert_eq!(Leaves::decode(&bytes), Some((leaves, &[42][..])));
    }

    #[test]
    fn what_only_the_log_tells_is_known_without_a_file() {
        let mut leaves = Leaves([(1, Root::default())].into());
        assert!(leaves.is_new(1, 10) && !leaves.is_new(2, 10), "2 is no root of ours");
        leaves.meet(1, 10);
        leaves.meet(2, 10);
        assert!(!leaves.is_new(1, 10) && leaves.has_met_some());
        assert_eq!(leaves.0[&1].file(10), None);
        assert_eq!(leaves.0.len(), 1);
    }
}
