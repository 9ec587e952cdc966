//! Blocks of a binary copy.

use crate::binary::NULL;

/// Bytes that are sent at a time: few calls of the sandbox, and little memory beside the batch.
const BLOCK_BYTES: usize = 128 * 1024;

/// `PGCOPY`, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Writes rows one after the other into blocks. `write` adds the fields of the next row and returns
/// how many they are, or none after the last.
pub(crate) fn blocks(
    mut write: impl FnMut(&mut Vec<u8>) -> Option<i16>,
) -> impl Iterator<Item = Vec<u8>> {
    let mut open = Some(HEADER.to_vec());
    std::iter::from_fn(move || {
        let mut block = open.take()?;
        block.reserve(BLOCK_BYTES + BLOCK_BYTES / 8);
        while block.len() < BLOCK_BYTES {
            let at = block.len();
            block.extend_from_slice(&[0; 2]);
            match write(&mut block) {
                Some(fields) => block[at..at + 2].copy_from_slice(&fields.to_be_bytes()),
                None => {
                    block.truncate(at);
                    block.extend_from_slice(&TRAILER);
                    return Some(block);
                }
            }
        }
        open = Some(Vec::new());
        Some(block)
    })
}

/// Writes a field with its length in front; none is NULL.
pub(crate) fn field(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => out.extend_from_slice(&NULL),
        Some(value) => {
            out.extend_from_slice(&(value.len() as i32).to_be_bytes());
            out.extend_from_slice(value);
        }
    }
}

/// How many fields a row has; the server allows 1,600 columns.
pub(crate) fn field_count(fields: usize) -> i16 {
    i16::try_from(fields).unwrap_or(i16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_between_header_and_trailer_however_many_blocks_there_are() {
        for rows in [0_usize, 1, 3] {
            let mut left = rows;
            let blocks: Vec<_> = blocks(|block| {
                left = left.checked_sub(1)?;
                block.resize(block.len() + BLOCK_BYTES, 7);
                Some(1)
            })
            .collect();
            let all = blocks.concat();
            assert_eq!(all.len(), HEADER.len() + rows * (2 + BLOCK_BYTES) + 2);
            assert!(all.starts_with(HEADER) && all.ends_with(&TRAILER));
            assert_eq!(blocks.len(), rows + 1);
        }
    }
}
