//! Fields by name, where documents were flattened level by level.

use std::collections::HashMap;

use bson::{RawBsonRef, RawDocument};
use cartridge_warp_sdk::ColumnType;

use crate::kinds::Seen;

/// The fields of the documents at one path.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    /// In the order in which they were met, which is the order they will mostly come in again.
    order: Vec<(Box<str>, usize)>,
    /// Places in `order`.
    by_name: HashMap<Box<str>, usize>,
}

/// One field at one path.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Names of the path, joined.
    pub(super) path: String,
    /// What its own column has to hold.
    pub(crate) seen: Seen,
    /// The type that does.
    pub(crate) column_type: ColumnType,
    /// The place of its column in the table, once it has one.
    pub(crate) place: usize,
    /// The level of its flattened documents.
    pub(crate) inner: Option<usize>,
    /// The last row that had it, so that a second value in one document is found.
    pub(crate) row: u64,
}

impl Field {
    pub(super) fn new(path: String) -> Self {
        let seen = Seen::default();
        Self { path, column_type: seen.column_type(), seen, place: 0, inner: None, row: 0 }
    }
}

/// The place in a [`Level`] after the last field found there.
pub(crate) type Cursor = usize;

impl Level {
    pub(super) fn add(&mut self, name: &str, field: usize) {
        self.by_name.insert(name.into(), self.order.len());
        self.order.push((name.into(), field));
    }

    /// Finds a field, first where it stood after the one before.
    #[inline]
    pub(super) fn find(&self, cursor: &mut Cursor, name: &str) -> Option<usize> {
        if let Some((known, field)) = self.order.get(*cursor)
            && **known == *name
        {
            *cursor += 1;
            return Some(*field);
        }
        let at = *self.by_name.get(name)?;
        *cursor = at + 1;
        Some(self.order[at].1)
    }
}

/// The document whose fields get columns of their own. An empty one has none, and is JSON.
#[inline]
pub(crate) fn flattened<'a>(value: &RawBsonRef<'a>, levels: u32) -> Option<&'a RawDocument> {
    const EMPTY_BYTES: usize = 5;
    match value {
        RawBsonRef::Document(document) if levels > 0 => {
            Some(*document).filter(|document| document.as_bytes().len() > EMPTY_BYTES)
        }
        _ => None,
    }
}
