//! What is stored of a chunk: its stretch of pages, and the last row that was read.

use cartridge_warp_sdk::Failure;

const VERSION: u8 = 1;

/// A stretch of a table's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// The table, or one of its partitions.
    pub oid: u32,
    /// The table's file when the chunk was planned: another one has the rows in other places.
    pub file: u32,
    /// The first page.
    pub from: u32,
    /// The first page behind it; none to the end of the table, wherever that is by then.
    pub to: Option<u32>,
}

/// A place in a table: behind this row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The table's file that the place is in.
    pub file: u32,
    /// Its page.
    pub page: u32,
    /// Its number in the page; zero before the first row.
    pub item: u16,
}

impl Descriptor {
    /// The bytes for the host.
    pub fn encode(&self) -> Vec<u8> {
        let numbers = [self.oid, self.file, self.from, self.to.unwrap_or(u32::MAX)];
        let numbers = numbers.into_iter().flat_map(u32::to_le_bytes);
        std::iter::once(VERSION).chain(numbers).collect()
    }

    /// Reads them back.
    pub fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        let read = || {
            let rest = bytes.strip_prefix(&[VERSION])?;
            let (numbers, rest) = rest.as_chunks::<4>();
            let [oid, file, from, to] = numbers else { return None };
            let to = u32::from_le_bytes(*to);
            rest.is_empty().then(|| Self {
                oid: u32::from_le_bytes(*oid),
                file: u32::from_le_bytes(*file),
                from: u32::from_le_bytes(*from),
                to: (to < u32::MAX).then_some(to),
            })
        };
        read().ok_or_else(|| unreadable("chunk"))
    }
}

impl Cursor {
    /// The bytes for the host.
    pub fn encode(&self) -> Vec<u8> {
        let numbers = [self.file, self.page].into_iter().flat_map(u32::to_le_bytes);
        std::iter::once(VERSION).chain(numbers).chain(self.item.to_le_bytes()).collect()
    }

    /// Reads them back.
    pub fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        let read = || {
            let rest = bytes.strip_prefix(&[VERSION])?;
            let (file, rest) = rest.split_first_chunk()?;
            let (page, rest) = rest.split_first_chunk()?;
            let item = rest.try_into().ok()?;
            let (file, page) = (u32::from_le_bytes(*file), u32::from_le_bytes(*page));
            Some(Self { file, page, item: u16::from_le_bytes(item) })
        };
        read().ok_or_else(|| unreadable("cursor"))
    }

    /// One row further, where rows have no places: then it only counts them, and nothing goes on there.
    pub fn counted(self) -> Self {
        match self.item.checked_add(1) {
            Some(item) => Self { item, ..self },
            None => Self { page: self.page.saturating_add(1), item: 0, ..self },
        }
    }

    /// Reads a place in the server's binary form.
    pub fn of_row(file: u32, bytes: &[u8]) -> Option<Self> {
        let (page, item) = bytes.split_first_chunk()?;
        let (page, item) = (u32::from_be_bytes(*page), u16::from_be_bytes(item.try_into().ok()?));
        Some(Self { file, page, item })
    }
}

fn unreadable(what: &str) -> Failure {
    Failure::resync(
        "unreadable-cursor",
        format!(
            "the stored {what} was not written by this connector or is damaged; run again with \
             --full-resync"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_and_cursors_survive_and_damaged_ones_are_refused() {
        let chunk = Descriptor { oid: 16_384, file: 16_390, from: 0, to: Some(2048) };
        for chunk in [chunk, Descriptor { to: None, ..chunk }] {
            assert_eq!(Descriptor::decode(&chunk.encode()), Ok(chunk));
        }
        let cursor = Cursor { file: 16_390, page: 70_000, item: 226 };
        assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        assert_eq!(Cursor::of_row(16_390, &[0, 1, 0x11, 0x70, 0, 226]), Some(cursor));
        for end in 0..chunk.encode().len() {
            assert!(Descriptor::decode(&chunk.encode()[..end]).is_err(), "cut at {end}");
        }
        for end in 0..cursor.encode().len() {
            assert!(Cursor::decode(&cursor.encode()[..end]).is_err(), "cut at {end}");
        }
        let counted = Cursor { item: u16::MAX, ..cursor }.counted();
        assert_eq!(counted, Cursor { page: 70_001, item: 0, ..cursor });
        assert!(cursor < cursor.counted() && cursor.counted() < counted);
        for length in [0, 3, 4, 5, 7] {
            assert_eq!(Cursor::of_row(0, &vec![0; length]), None);
        }
    }
}
