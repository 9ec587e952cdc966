//! The stream's position: a place between two rows of the history of one server.
//!
//! Version 1, little endian: the version byte, the server's system identifier (8 bytes) and timeline
//! (4), `complete` (8), the commit record of the transaction that is being delivered (8, zero for
//! none), the steps of it that were delivered (8), and for each table that is followed its object id
//! (4) and a hash of its name (4). A row's message counts two steps, since an update of a key is a
//! delete and an insert. The tables tell whether one was made anew or left the publication meanwhile.
//!
//! Version 2 has behind the steps a count (2) of tables that were copied anew and are not past that yet:
//! for each its object id (4) and where its changes begin (8).
//!
//! Version 3 has before that count the publication's number (4), and behind each table's name the number
//! of its membership (4): both are other ones when they were made anew. Positions of so many tables that
//! they would grow too large are written as version 1 or 2.
//!
//! Version 4 has behind the publication's number the partitions of partitioned tables, see
//! [`crate::leaves`]; where they would be too many, they are left out.

use std::rc::Rc;

use cartridge_warp_sdk::Failure;

use crate::hash::fnv32;
use crate::leaves::Leaves;
use crate::pgoutput::Lsn;

const VERSION: u8 = 1;
const VERSION_RENEWED: u8 = 2;
const VERSION_MEMBERS: u8 = 3;
const VERSION_LEAVES: u8 = 4;
const HEAD_LENGTH: usize = 37;
const TABLE_LENGTH: usize = 8;
const MEMBER_LENGTH: usize = 12;
const RENEWED_LENGTH: usize = 12;
/// A number that an older position, or one of very many tables, does not have.
pub const UNKNOWN: u32 = 0;
/// Keeps a position below the 64 KiB that the host stores.
pub const TABLES_MAX: usize = 8_000;
/// What the host stores of a position.
pub const BYTES_MAX: usize = 64 << 10;

/// Log that may be kept for a position that is not stored.
pub const KEPT_BYTES: u64 = 256 << 10;

/// A place in a server's history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// Which server wrote it.
    pub server: ServerIdentity,
    /// Which publication its changes were sent by.
    pub publication: u32,
    /// Every transaction whose commit record begins before this was delivered.
    pub complete: Lsn,
    /// A transaction that was delivered in part.
    pub partial: Option<Partial>,
    /// The tables whose changes were followed up to here, by object id.
    pub tables: Rc<[FollowedTable]>,
    /// Tables that are followed from a later place on, since they were copied again then.
    pub renewed: Rc<[RenewedTable]>,
    /// The partitions of the partitioned ones.
    pub leaves: Rc<Leaves>,
}

/// A table that was copied anew while the stream stood before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenewedTable {
    /// Object id.
    pub oid: u32,
    /// Transactions whose commit record begins before this count for the copy, not for the stream.
    pub from: Lsn,
}

/// A table whose changes are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FollowedTable {
    /// Object id.
    pub oid: u32,
    /// A hash of its name.
    pub name_hash: u32,
    /// Since when it is in the publication.
    pub member: u32,
}

impl FollowedTable {
    /// A table by its name.
    pub fn new(oid: u32, name: &str, member: u32) -> Self {
        let name_hash = fnv32(name.as_bytes());
        Self { oid, name_hash, member }
    }
}

/// The history that positions belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerIdentity {
    /// Made by initdb, unique for each cluster.
    pub system: u64,
    /// Counts up at each promotion and point-in-time recovery.
    pub timeline: u32,
}

/// How much of a transaction was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    /// Where its commit record begins.
    pub commit: Lsn,
    /// Steps that need not be delivered again.
    pub steps: u64,
}

impl Position {
    /// Whether a transaction was delivered in part.
    pub fn is_within_transaction(&self) -> bool {
        self.partial.is_some()
    }

    /// Forgets of tables that were copied anew what lies behind this place.
    pub fn forget_copies(&mut self) {
        if self.renewed.iter().any(|table| table.from <= self.complete) {
            let ahead = self.renewed.iter().filter(|table| table.from > self.complete);
            self.renewed = ahead.copied().collect();
        }
    }

    /// The bytes for the host.
    pub fn encode(&self) -> Vec<u8> {
        let partial = self.partial.unwrap_or(Partial { commit: 0, steps: 0 });
        let version = self.version();
        let mut bytes = Vec::with_capacity(HEAD_LENGTH + MEMBER_LENGTH * self.tables.len());
        bytes.push(version);
        bytes.extend(self.server.system.to_le_bytes());
        bytes.extend(self.server.timeline.to_le_bytes());
        bytes.extend(self.complete.to_le_bytes());
        bytes.extend(partial.commit.to_le_bytes());
        bytes.extend(partial.steps.to_le_bytes());
        if version >= VERSION_MEMBERS {
            bytes.extend(self.publication.to_le_bytes());
        }
        if version == VERSION_LEAVES {
            self.leaves.encode(&mut bytes);
        }
        if let Some(count) = u16::try_from(self.renewed.len()).ok().filter(|_| version > VERSION) {
            bytes.extend(count.to_le_bytes());
        }
        for table in self.renewed.iter() {
            bytes.extend(table.oid.to_le_bytes());
            bytes.extend(table.from.to_le_bytes());
        }
        for table in self.tables.iter() {
            bytes.extend(table.oid.to_le_bytes());
            bytes.extend(table.name_hash.to_le_bytes());
            if version >= VERSION_MEMBERS {
                bytes.extend(table.member.to_le_bytes());
            }
        }
        bytes
    }

    fn version(&self) -> u8 {
        let (tables, renewed) = (self.tables.len(), self.renewed.len());
        let length = HEAD_LENGTH + 6 + RENEWED_LENGTH * renewed + MEMBER_LENGTH * tables;
        match renewed {
            _ if self.has_room_for_leaves(length) => VERSION_LEAVES,
            _ if length <= BYTES_MAX => VERSION_MEMBERS,
            0 => VERSION,
            _ => VERSION_RENEWED,
        }
    }

    fn has_room_for_leaves(&self, others: usize) -> bool {
        let length = others + self.leaves.length();
        !self.leaves.0.is_empty() && self.leaves.are_countable() && length <= BYTES_MAX
    }

    /// Whether there are partitions, and too many to be remembered with it.
    pub fn forgets_leaves(&self) -> bool {
        !self.leaves.0.is_empty() && self.version() < VERSION_LEAVES
    }

    /// Reads the bytes back.
    pub fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        Self::read(bytes).ok_or_else(|| {
            Failure::stop(
                "unreadable-position",
                format!(
                    "the stored position ({} bytes, version {}) was not written by this connector \
                     or is damaged; run again with --full-resync",
                    bytes.len(),
                    bytes.first().copied().unwrap_or_default()
                ),
            )
        })
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        if !(VERSION..=VERSION_LEAVES).contains(version) {
            return None;
        }
        let has_members = *version >= VERSION_MEMBERS;
        let (system, rest) = rest.split_first_chunk()?;
        let (timeline, rest) = rest.split_first_chunk()?;
        let (complete, rest) = rest.split_first_chunk()?;
        let (commit, rest) = rest.split_first_chunk()?;
        let (steps, rest) = rest.split_first_chunk()?;
        let partial =
            Partial { commit: Lsn::from_le_bytes(*commit), steps: u64::from_le_bytes(*steps) };
        let (publication, rest) = match has_members {
            true => rest.split_first_chunk().map(|(it, rest)| (u32::from_le_bytes(*it), rest))?,
            false => (UNKNOWN, rest),
        };
        let (leaves, rest) = match *version {
            VERSION_LEAVES => Leaves::decode(rest)?,
            _ => (Leaves::default(), rest),
        };
        let (renewed, rest) =
            if *version == VERSION { (Vec::new(), rest) } else { read_renewed(rest)? };
        let tables = read_tables(rest, has_members)?;
        Some(Self {
            publication,
            tables: tables.into(),
            renewed: renewed.into(),
            leaves: leaves.into(),
            server: ServerIdentity {
                system: u64::from_le_bytes(*system),
                timeline: u32::from_le_bytes(*timeline),
            },
            complete: Lsn::from_le_bytes(*complete),
            partial: (partial.commit > 0).then_some(partial),
        })
    }
}

fn read_tables(bytes: &[u8], has_members: bool) -> Option<Vec<FollowedTable>> {
    let length = if has_members { MEMBER_LENGTH } else { TABLE_LENGTH };
    let tables = bytes.chunks_exact(length);
    if !tables.remainder().is_empty() {
        return None;
    }
    let read = |table: &[u8]| {
        let mut numbers = table.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number));
        let (oid, name_hash) = (numbers.next()?, numbers.next()?);
        Some(FollowedTable { oid, name_hash, member: numbers.next().unwrap_or(UNKNOWN) })
    };
    tables.map(read).collect()
}

fn read_renewed(bytes: &[u8]) -> Option<(Vec<RenewedTable>, &[u8])> {
    let (count, mut rest) = bytes.split_first_chunk()?;
    let count = u16::from_le_bytes(*count);
    let mut renewed = Vec::new();
    for _ in 0..count {
        let (oid, behind) = rest.split_first_chunk()?;
        let (from, behind) = behind.split_first_chunk()?;
        renewed
            .push(RenewedTable { oid: u32::from_le_bytes(*oid), from: Lsn::from_le_bytes(*from) });
        rest = behind;
    }
    Some((renewed, rest))
}

/// An LSN as PostgreSQL writes it.
pub fn show(lsn: Lsn) -> String {
    format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff)
}

/// Reads an LSN as PostgreSQL writes it.
pub fn parse(text: &str) -> Option<Lsn> {
    let (high, low) = text.split_once('/')?;
    let (high, low) = (u32::from_str_radix(high, 16).ok()?, u32::from_str_radix(low, 16).ok()?);
    Some(u64::from(high) << 32 | u64::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaves::Root;

    #[test]
    fn positions_survive_and_damaged_ones_are_refused() {
        let whole = Position {
            server: ServerIdentity { system: 7_012_345_678_901_234_567, timeline: 3 },
            publication: 77,
            complete: 0x16_b374_d848,
            partial: None,
            tables: [].into(),
            renewed: [].into(),
            leaves: Rc::default(),
        };
        let partial = Some(Partial { commit: 9 << 32, steps: 41 });
        let many =
            |count, member| (0..count).map(move |oid| FollowedTable::new(oid, "orders", member));
        let members = Position { tables: many(5_000, 9).collect(), ..whole.clone() };
        assert!(members.encode().len() < BYTES_MAX);
        // More than that have no numbers of membership.
        let tables = many(TABLES_MAX as u32, UNKNOWN);
        let within =
            Position { partial, publication: UNKNOWN, tables: tables.collect(), ..whole.clone() };
        assert!(within.encode().len() < 64 << 10);
        let renewed = (0..100).map(|oid| RenewedTable { oid, from: 5 << 32 });
        let renewed = Position { renewed: renewed.collect(), ..within.clone() };
        assert!(renewed.encode().len() < BYTES_MAX);
        let of = |count: u32| {
            let files = (0..count).map(|leaf| (leaf, leaf)).collect();
            Leaves([(7, Root { mark: 6, emptied_by: 5, attached: 4, files })].into())
        };
        let few = Position { tables: many(1_000, 9).collect(), ..whole.clone() };
        let leaves = Position { leaves: of(1_000).into(), ..few.clone() };
        let too_many = Position { leaves: of(9_000).into(), ..few.clone() };
        assert!(too_many.forgets_leaves() && !leaves.forgets_leaves());
        assert_eq!(too_many.encode(), few.encode());
        for position in [whole, members, within, renewed, leaves] {
            let bytes = position.encode();
            assert_eq!(Position::decode(&bytes), Ok(position));
            for end in 0..HEAD_LENGTH {
                let failure = Position::decode(&bytes[..end]).unwrap_err();
                assert_eq!(failure.code, "unreadable-position", "cut at {end}");
            }
            assert!(Position::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        }
        for version in [0, 2, 3, 4, 5] {
            assert!(Position::decode(&[version; HEAD_LENGTH]).is_err(), "{version}");
        }
    }

    #[test]
    fn lsns_are_read_and_written_as_the_server_does() {
        for (text, lsn) in
            [("0/0", 0), ("16/B374D848", 0x16_b374_d848), ("FFFFFFFF/1", 0xffff_ffff_0000_0001)]
        {
            assert_eq!(parse(text), Some(lsn));
            assert_eq!(show(lsn), text);
        }
        for text in ["", "0", "1/2/3", "G/0", "1/123456789"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
