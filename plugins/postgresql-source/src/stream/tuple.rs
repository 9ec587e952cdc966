//! What a row before a change tells about the row after it.

use super::fitting::Fitting;
use crate::pgoutput::{Field, Old, Tuple};

/// Fills values that were not sent from the row before, as far as it has them: an unchanged value
/// is what it was. A value that was not sent is never null, so a null of the row before was not logged:
/// a partition logs by its own replica identity, whatever the table's is.
pub fn complete(new: &mut Tuple, old: &Old) {
    for (now, before) in new.0.iter_mut().zip(&old.tuple.0) {
        if *now == Field::Unchanged && matches!(before, Field::Text(_)) {
            now.clone_from(before);
        }
    }
}

/// Whether the row before has all of the table's key, as far as it could be held.
pub fn has_key(old: &Old, fitting: &Fitting) -> bool {
    if old.tuple.0.iter().any(is_cut) {
        return true;
    }
    let fields = key_fields(fitting);
    let is_there = |at: &usize| matches!(old.tuple.0.get(*at), Some(Field::Text(_)));
    fields.len() == fitting.table.shape.key.len() && fields.iter().all(is_there)
}

/// Whether the row is known to have another key than before.
pub fn has_moved(new: &Tuple, old: &Old, fitting: &Fitting) -> bool {
    let differs = |at: usize| {
        let (now, before) = (new.0.get(at), old.tuple.0.get(at));
        now != before && ![now, before].into_iter().flatten().any(is_cut)
    };
    key_fields(fitting).into_iter().any(differs)
}

fn is_cut(field: &Field) -> bool {
    matches!(field, Field::Cut(_))
}

fn key_fields(fitting: &Fitting) -> Vec<usize> {
    let key = fitting.table.key_indices();
    let is_key = |column: &Option<usize>| column.is_some_and(|column| key.contains(&column));
    (0..fitting.columns.len()).filter(|at| is_key(&fitting.columns[*at])).collect()
}
