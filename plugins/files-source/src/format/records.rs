//! Reads a file record by record, from one offset to another, with bounded memory.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use cartridge_warp_sdk::PAYLOAD_BYTES_MAX;
use memchr::memchr;

use super::csv;

/// A record above this is malformed: nobody's rows are that long, but damaged files' are.
pub const RECORD_BYTES_MAX: usize = 16 << 20;
const BLOCK_BYTES: usize = 256 << 10;

/// Where records end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Splitter {
    /// At each line feed.
    Lines,
    /// At line feeds outside quotes.
    Csv {
        /// Between fields.
        delimiter: u8,
    },
}

impl Splitter {
    fn end(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Lines => memchr(b'\n', bytes),
            Self::Csv { delimiter } => csv::record_end(bytes, delimiter),
        }
    }

    /// The end of the last complete record of a file of `size` bytes.
    pub fn complete_end(self, file: &mut File, size: u64) -> Result<u64> {
        match self {
            Self::Lines => last_line_end(file, size),
            Self::Csv { .. } => {
                let mut records = Records::open(file, self, 0, size)?;
                while records.skip_block()? {}
                Ok(records.offset)
            }
        }
    }
}

/// Looks for the last line feed from the end, block by block.
fn last_line_end(file: &mut File, size: u64) -> Result<u64> {
    let mut end = size;
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES as u64);
        file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::with_capacity((end - start) as usize);
        Read::take(&mut *file, end - start).read_to_end(&mut block)?;
        if let Some(at) = memchr::memrchr(b'\n', &block) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// A record as it stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'r> {
    /// Where it begins.
    pub start: u64,
    /// Where the next one begins.
    pub end: u64,
    /// The record without its line end; of an oversized one the beginning.
    pub bytes: &'r [u8],
    /// Whether it is above [`RECORD_BYTES_MAX`].
    pub oversized: bool,
}

/// Reads records from `offset` to `end`.
pub struct Records<'f> {
    file: &'f mut File,
    splitter: Splitter,
    buffer: Vec<u8>,
    /// Bytes of the buffer that have been returned.
    at: usize,
    /// Where in the file the next record begins.
    offset: u64,
    end: u64,
}

impl<'f> Records<'f> {
    /// Begins at `offset`, which lies between two records.
    pub fn open(file: &'f mut File, splitter: Splitter, offset: u64, end: u64) -> Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { file, splitter, buffer: Vec::new(), at: 0, offset, end })
    }

    /// Where the next record begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next complete record; none at the end and while the last one is incomplete.
    pub fn next(&mut self) -> Result<Option<Record<'_>>> {
        loop {
            if let Some(length) = self.splitter.end(&self.buffer[self.at..]) {
                return Ok(Some(self.take(length)));
            }
            if self.buffer.len() - self.at > RECORD_BYTES_MAX {
                return self.next_damaged();
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn take(&mut self, length: usize) -> Record<'_> {
        let (from, start) = (self.at, self.offset);
        self.at += length + 1;
        self.offset += length as u64 + 1;
        let bytes = &self.buffer[from..from + length];
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let bytes =
            if start == 0 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
        Record { start, end: self.offset, bytes, oversized: false }
    }

    /// A record without an end: an open quote gives up its first line, an endless line is skipped.
    fn next_damaged(&mut self) -> Result<Option<Record<'_>>> {
        if let Some(length) = memchr(b'\n', &self.buffer[self.at..]) {
            let record = self.take(length);
            return Ok(Some(Record { oversized: true, ..record }));
        }
        let start = self.offset;
        self.buffer.drain(..self.at);
        self.at = 0;
        let mut skipped = self.buffer.len() as u64;
        self.buffer.truncate(PAYLOAD_BYTES_MAX);
        let kept = self.buffer.len();
        loop {
            if !self.fill()? {
                return Ok(None);
            }
            match memchr(b'\n', &self.buffer[kept..]) {
                Some(at) => {
                    skipped += at as u64 + 1;
                    self.at = kept + at + 1;
                    self.offset = start + skipped;
                    let bytes = &self.buffer[..kept];
                    return Ok(Some(Record { start, end: self.offset, bytes, oversized: true }));
                }
                None => {
                    skipped += (self.buffer.len() - kept) as u64;
                    self.buffer.truncate(kept);
                }
            }
        }
    }

    /// Passes over the complete records of the next block; false when there is none.
    fn skip_block(&mut self) -> Result<bool> {
        let Splitter::Csv { delimiter } = self.splitter else { return Ok(false) };
        let more = self.fill()?;
        let skipped = csv::last_record_end(&self.buffer[self.at..], delimiter);
        self.at += skipped;
        self.offset += skipped as u64;
        if self.buffer.len() - self.at > RECORD_BYTES_MAX && self.next_damaged()?.is_none() {
            return Ok(false);
        }
        Ok(more)
    }

    /// Reads another block behind what is left; false at the end.
    fn fill(&mut self) -> Result<bool> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let position = self.file.stream_position()?;
        // A growing block keeps the scans of one long record linear.
        let block = BLOCK_BYTES.max(self.buffer.len()) as u64;
        let want = self.end.saturating_sub(position).min(block);
        Ok(Read::take(&mut *self.file, want).read_to_end(&mut self.buffer)? > 0)
    }
}
