//! Says why the end of a file is not read.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use memchr::memchr;

use crate::catalog::{FileEntry, Format};

/// What is looked at: more than nearly every record has.
const LOOK_BYTES: u64 = 256 << 10;

/// Why an end of a file is no record yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// A quote is not closed.
    Quote,
    /// Lines end in a carriage return alone.
    CarriageReturns,
    /// The last line has no line feed.
    Line,
}

impl Unfinished {
    /// The same for a person, and what helps.
    pub fn words(self) -> &'static str {
        match self {
            Self::Quote => {
                "a quote in the file is not closed; what stands behind it is read when it is, so close it, \
                 or double it if it is no end of a field"
            }
            Self::CarriageReturns => {
                "lines of the file end in a carriage return alone and are not read; write it with line \
                 feeds"
            }
            Self::Line => "the last line of the file has no line feed yet; it is read when it has",
        }
    }
}

/// Why what stands behind `offset`, which lies between two records, is no record yet.
pub fn why_unfinished(entry: &FileEntry, offset: u64) -> Result<Unfinished> {
    let mut rest = Vec::new();
    let mut file = File::open(&entry.path)?;
    file.seek(SeekFrom::Start(offset))?;
    file.take(LOOK_BYTES).read_to_end(&mut rest)?;
    let blank = rest.trim_ascii().is_empty();
    Ok(match entry.format {
        Format::Csv if memchr(b'\n', &rest).is_some() && !blank => Unfinished::Quote,
        _ if memchr(b'\r', &rest).is_some_and(|at| at + 1 < rest.len()) => {
            Unfinished::CarriageReturns
        }
        _ => Unfinished::Line,
    })
}
