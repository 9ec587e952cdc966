//! Lists as arrays of the server.
//!
//! A list of lists is one array with more dimensions, so its lists have to be of one length and none
//! of them may be null.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray};
use arrow_schema::DataType;

use super::{Cells, TOO_LARGE, Unfit};
use crate::binary::oid;

/// The server's own limit.
const DIMENSIONS_MAX: usize = 6;
/// Where the server's arrays begin to count.
const LOWER_BOUND: i32 = 1;

/// A column of lists.
pub(crate) struct Lists<'a> {
    /// The lists, the lists in them, and so on.
    levels: Vec<&'a ListArray>,
    items: &'a ArrayRef,
    cells: Box<Cells<'a>>,
    oid: u32,
}

impl<'a> Lists<'a> {
    pub(crate) fn of(lists: &'a ListArray, sent_as: &str) -> Self {
        let mut levels = vec![lists];
        let mut items = lists.values();
        while let DataType::List(_) = items.data_type() {
            let inner = items.as_list();
            levels.push(inner);
            items = inner.values();
        }
        let item = sent_as.trim_end_matches("[]");
        Self { levels, items, cells: Box::new(Cells::of(items, item)), oid: oid(item) }
    }

    /// Writes the list of a row with its length in front.
    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let (range, lengths) = self.shape(row)?;
        let begin = out.len();
        out.extend_from_slice(&[0; 4]);
        let nulls = range.clone().any(|at| self.items.is_null(at));
        // The server's empty array has no dimensions at all.
        let dimensions = if range.is_empty() { &[][..] } else { &lengths[..] };
        out.extend_from_slice(&(dimensions.len() as i32).to_be_bytes());
        out.extend_from_slice(&i32::from(nulls).to_be_bytes());
        out.extend_from_slice(&self.oid.to_be_bytes());
        for length in dimensions {
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&LOWER_BOUND.to_be_bytes());
        }
        for at in range {
            self.cells.write(at, self.items.is_null(at), out)?;
        }
        let length = i32::try_from(out.len() - begin - 4).map_err(|_| TOO_LARGE)?;
        out[begin..begin + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// Which items a list has, and how long it and the lists in it are.
    fn shape(&self, row: usize) -> Result<(std::ops::Range<usize>, Vec<i32>), Unfit> {
        if self.levels.len() > DIMENSIONS_MAX {
            return Err(Unfit::Impossible("lists nested more than six deep"));
        }
        let mut range = row..row + 1;
        let mut lengths = Vec::with_capacity(self.levels.len());
        for (level, lists) in self.levels.iter().enumerate() {
            let offsets = lists.value_offsets();
            let mut of_lists = range.clone().map(|at| offsets[at + 1] - offsets[at]);
            let length = of_lists.next().unwrap_or(0);
            if of_lists.any(|other| other != length) {
                return Err(Unfit::Impossible("lists of different lengths in one list"));
            }
            if level > 0 && range.clone().any(|at| lists.is_null(at)) {
                return Err(Unfit::Impossible("a null where a list should be"));
            }
            lengths.push(length);
            range = offsets[range.start] as usize..offsets[range.end] as usize;
        }
        Ok((range, lengths))
    }
}
