//! The values of a column as one array in the server's binary form.

use crate::binary::{NULL, oid};

/// Where the flag stands that says whether there are nulls.
const FLAG: std::ops::Range<usize> = 4..8;

/// An array of one dimension.
pub(crate) struct Array(Vec<u8>);

impl Array {
    /// An array that will have `count` items of a type that is sent.
    pub(crate) fn new(sent_as: &str, count: usize) -> Self {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        let mut bytes = Vec::new();
        // One dimension, no nulls so far, the type, the length, and where counting begins.
        for number in [1, 0, oid(sent_as).cast_signed(), count, 1] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        Self(bytes)
    }

    /// Adds an item, which is encoded.
    pub(crate) fn push(&mut self, item: Option<&[u8]>) {
        let Some(item) = item else {
            self.0[FLAG].copy_from_slice(&1_i32.to_be_bytes());
            self.0.extend_from_slice(&NULL);
            return;
        };
        self.0.extend_from_slice(&(item.len() as i32).to_be_bytes());
        self.0.extend_from_slice(item);
    }

    /// The array, once all items are there.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
