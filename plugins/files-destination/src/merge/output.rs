//! The rows of some files as one, whatever their format.

use std::fs::File;
use std::io::{self, Error, Read, Result};

use super::parquet::{Reader, Writer};
use crate::manifest::DataFile;
use crate::options::{Compression, Format};

/// Bytes of lines that are copied at once.
const COPIED_BYTES: u64 = 256 << 10;

/// A file that is being read into the one that is being written.
pub(super) enum Output {
    Ndjson { reader: File, writer: File, copied: u64 },
    Parquet { reader: Box<Reader>, writer: Box<Writer>, rows: u64 },
}

impl Output {
    /// Begins with the rows of a first file.
    pub(super) fn new(
        file: &DataFile,
        opened: File,
        written: File,
        compression: Compression,
    ) -> Result<Self> {
        check_size(file, &opened)?;
        if file.format == Format::Ndjson.word() {
            return Ok(Self::Ndjson { reader: opened, writer: written, copied: 0 });
        }
        let reader = Reader::open(opened)?;
        let writer = Writer::new(written, &reader, compression)?;
        Ok(Self::Parquet { reader: Box::new(reader), writer: Box::new(writer), rows: 0 })
    }

    /// Goes on with another file.
    pub(super) fn next(&mut self, file: &DataFile, opened: File) -> Result<()> {
        check_size(file, &opened)?;
        match self {
            Self::Ndjson { reader, copied, .. } => (*reader, *copied) = (opened, 0),
            Self::Parquet { reader, rows, .. } => (**reader, *rows) = (Reader::open(opened)?, 0),
        }
        Ok(())
    }

    /// Takes some more of a file; how many of its bytes that were, about. None when all of it was taken.
    pub(super) fn step(&mut self, file: &DataFile) -> Result<Option<u64>> {
        match self {
            Self::Ndjson { reader, writer, copied } => {
                let bytes = io::copy(&mut reader.take(COPIED_BYTES), writer)?;
                *copied += bytes;
                ended(bytes, *copied, file.bytes).map(|more| more.then_some(bytes))
            }
            Self::Parquet { reader, writer, rows } => {
                let taken = reader.step(writer)?;
                *rows += taken;
                let bytes = file.bytes.saturating_mul(taken) / file.rows.max(1);
                ended(taken, *rows, file.rows).map(|more| more.then_some(bytes))
            }
        }
    }

    /// The file, whole.
    pub(super) fn finish(self) -> Result<File> {
        match self {
            Self::Ndjson { writer, .. } => Ok(writer),
            Self::Parquet { writer, .. } => writer.finish(),
        }
    }
}

/// Whether there may be more, or an error where a file that ended held something else than it should.
fn ended(taken: u64, all: u64, expected: u64) -> Result<bool> {
    match taken {
        0 if all != expected => Err(Error::other(format!("it held {all}, not {expected}"))),
        taken => Ok(taken > 0),
    }
}

fn check_size(file: &DataFile, opened: &File) -> Result<()> {
    let bytes = opened.metadata()?.len();
    match bytes == file.bytes {
        true => Ok(()),
        false => Err(Error::other(format!("it has {bytes} bytes, not {}", file.bytes))),
    }
}
