//! Finds out whether files of JSON lines are a log of changes, beyond what the sample shows.
//!
//! A file may begin as plain rows and go on as changes. Rows of a snapshot are all inserts, so such a
//! file has to be read as changes from its beginning, and that has to be known before the first row.

use std::fs::File;
use std::io::Read;

use cartridge_warp_sdk::Failure;
use memchr::memmem::Finder;

use crate::catalog::{FileEntry, Format};
use crate::fault;

/// The field's name as it stands in a line.
const NEEDLE: &[u8] = b"\"_op\"";
const BLOCK_BYTES: usize = 256 << 10;

/// True when any line of the files holds `"_op"`. It may stand in a value too: then the file is read
/// as changes, which is never wrong, only one reader instead of several.
pub fn carry_operations(files: &[FileEntry]) -> Result<bool, Failure> {
    for entry in files.iter().filter(|entry| entry.format == Format::Ndjson) {
        let found = File::open(&entry.path).and_then(holds_needle);
        if found.map_err(|error| fault::io(&entry.shown, &error))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn holds_needle(mut file: impl Read) -> std::io::Result<bool> {
    let finder = Finder::new(NEEDLE);
    let mut block = vec![0; BLOCK_BYTES];
    // What the last block ended with: the needle may lie across the border.
    let mut kept = 0;
    loop {
        let read = file.read(&mut block[kept..])?;
        if read == 0 {
            return Ok(false);
        }
        let filled = kept + read;
        if finder.find(&block[..filled]).is_some() {
            return Ok(true);
        }
        kept = filled.min(NEEDLE.len() - 1);
        block.copy_within(filled - kept..filled, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives out a few bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn the_field_is_found_wherever_the_reads_cut_it() {
        let line = b"{\"id\":1}\n{\"_op\":\"delete\",\"id\":1}\n";
        for step in 1..line.len() {
            assert!(holds_needle(Trickle(line, step)).unwrap(), "{step} bytes at a time");
        }
        assert!(!holds_needle(Trickle(b"{\"op\":1,\"_opx\":2}", 3)).unwrap());
    }
}
