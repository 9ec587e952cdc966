//! Says why the end of a file is not read.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use memchr::memchr;

use crate::catalog::{FileEntry, Format};

/// What is looked at: more than nearly every record has.
const LOOK_BYTES: u64 = 256 << 10;

/// Why what stands behind `offset`, which lies between two records, is no record yet.
pub fn why_unfinished(entry: &FileEntry, offset: u64) -> Result<&'static str> {
    let mut rest = Vec::new();
    let mut file = File::open(&entry.path)?;
    file.seek(SeekFrom::Start(offset))?;
    file.take(LOOK_BYTES).read_to_end(&mut rest)?;
    let blank = rest.trim_ascii().is_empty();
    Ok(match entry.format {
        Format::Csv if memchr(b'\n', &rest).is_some() && !blank => {
            "a quote in the file is not closed; what stands behind it is read when it is, so \
             close it, or double it if it is no end of a field"
        }
        _ if memchr(b'\r', &rest).is_some_and(|at| at + 1 < rest.len()) => {
            "lines of the file end in a carriage return alone and are not read; write it with line \
             feeds"
        }
        _ => "the last line of the file has no line feed yet; it is read when it has",
    })
}
