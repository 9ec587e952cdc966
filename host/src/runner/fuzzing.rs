//! What the runner makes of guests' words, for the fuzz targets of `tests/fuzz`. Not part of any
//! release: only the feature `fuzzing` compiles this.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    shapes::StoredShape,
    state::{ChunkProgress, TableState, decode, marker},
};
use crate::{config::TableLists, model::TableShape, plugin::WireError};

pub use super::table::{Promises, Table};

/// Reads a marker's value as each kind of marker that the host stores; the shape, if it is one.
///
/// # Panics
/// Where a value that can be read is stored again and then reads otherwise.
pub fn markers(value: &[u8]) -> Option<Result<TableShape, WireError>> {
    again::<TableState>(value);
    again::<ChunkProgress>(value);
    again::<TableLists>(value);
    let shape = again::<StoredShape>(value)?.open("t");
    Some(shape.map(|known| known.shape))
}

fn again<T: Serialize + DeserializeOwned>(value: &[u8]) -> Option<T> {
    let read = |value: &[u8]| decode::<T>("s", "m", value).ok();
    let written = |value: &T| marker(String::new(), value).value.unwrap_or_default();
    let first = read(value)?;
    let stored = written(&first);
    assert_eq!(read(&stored).map(|second| written(&second)), Some(stored));
    Some(first)
}
