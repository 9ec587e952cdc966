//! A file that several readers of one component share.
//!
//! The `parquet` crate reads a `File` by cloning its handle for each column, which a component
//! cannot. Here all readers have one handle, and each seeks to its own place before it reads.

use std::fs::File;
use std::io::{BufReader, Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

/// One handle of a file.
#[derive(Clone)]
pub struct SharedFile {
    file: Arc<Mutex<File>>,
    length: u64,
}

impl SharedFile {
    /// Shares the file, of which the first `length` bytes are read.
    pub fn new(file: File, length: u64) -> Self {
        Self { file: Arc::new(Mutex::new(file)), length }
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize> {
        // Whoever panicked while reading left at most another place in the file.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.read(buffer)
    }
}

/// A reader with a place of its own.
pub struct Section {
    shared: SharedFile,
    at: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.shared.read_at(self.at, buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Length for SharedFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for SharedFile {
    type T = BufReader<Section>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(BufReader::new(Section { shared: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        // A damaged file may ask for any number of bytes; only what is there is allocated.
        let end = start.checked_add(length as u64).filter(|end| *end <= self.length);
        if end.is_none() {
            let error = Error::new(ErrorKind::UnexpectedEof, "a part lies beyond the file's end");
            return Err(ParquetError::External(Box::new(error)));
        }
        let mut bytes = vec![0; length];
        Section { shared: self.clone(), at: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}
