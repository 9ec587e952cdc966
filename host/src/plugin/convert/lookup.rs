//! What a source is asked about rows by their keys, and what it answers.

use std::collections::HashSet;

use super::{
    bounds::{count, malformed},
    destination::table_batch,
    source::Kept,
};
use crate::{
    model::TableBatch,
    plugin::{
        Cause, LookedUp,
        bindings::{
            source::cartridge::warp::types as wit,
            source_in_full::exports::cartridge::warp::source_lookup as export,
        },
    },
};

/// Keys as the guest gets them, always with their schema.
pub(in crate::plugin) fn keys(keys: &TableBatch) -> wit::TableBatch {
    table_batch(keys, true)
}

/// An answer that has each key that it speaks of once, and rows of no other table.
pub(in crate::plugin) fn looked_up(
    answer: export::LookedUp,
    keys: &TableBatch,
    kept: &mut Kept,
) -> Result<LookedUp, Cause> {
    let export::LookedUp { answered, rows, rejected, absent } = answer;
    found(Found { answered, rows, rejected, absent }, keys, kept)
}

/// An answer of either side.
pub(super) struct Found {
    pub(super) answered: u32,
    pub(super) rows: Option<wit::TableBatch>,
    pub(super) rejected: Vec<wit::DeadLetter>,
    pub(super) absent: Vec<u32>,
}

/// The answer, if it is about each key that it speaks of once.
pub(super) fn found(found: Found, keys: &TableBatch, kept: &mut Kept) -> Result<LookedUp, Cause> {
    let Found { answered, rows, rejected, absent } = found;
    let asked = keys.row_count();
    let answered = answered as usize;
    if answered == 0 || answered > asked {
        return Err(malformed(format!("it looked {answered} of {asked} keys up")));
    }
    count("absent keys", absent.len(), answered)?;
    let mut places = HashSet::new();
    let absent: Vec<usize> = absent.into_iter().map(|place| place as usize).collect();
    if let Some(place) = absent.iter().find(|at| **at >= answered || !places.insert(**at)) {
        return Err(malformed(format!("key {place} is absent twice, or was not looked up")));
    }
    count("dead letters of keys", rejected.len(), answered)?;
    let rows_max = u32::try_from(answered).unwrap_or(u32::MAX);
    let batch = kept.snapshot_rows(rows, rows_max)?;
    let rejected = kept.dead_letters(rejected, rows_max)?;
    let tables = batch.iter().map(|rows| &rows.table);
    let mut tables = tables.chain(rejected.iter().map(|letter| &letter.table));
    if let Some(other) = tables.find(|table| **table != keys.table) {
        return Err(malformed(format!("rows of `{other}` for keys of `{}`", keys.table)));
    }
    let told = batch.as_ref().map_or(0, TableBatch::row_count) + rejected.len() + absent.len();
    if told != answered {
        return Err(malformed(format!("{told} answers for the {answered} keys it looked up")));
    }
    Ok(LookedUp { answered, rows: batch, rejected, absent })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, RecordBatch};
    use arrow_schema::{DataType, Field, Schema};

    use super::*;
    use crate::plugin::{Bounds, Ledger, Role, encode_batch, table_schema};

    fn batch(table: &str, ids: &[i64]) -> TableBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]));
        let schema = table_schema(schema).unwrap();
        let ids = Arc::new(Int64Array::from(ids.to_vec()));
        let rows = RecordBatch::try_new(Arc::clone(&schema.arrow), vec![ids]).unwrap();
        encode_batch(table, &schema, rows).unwrap()
    }

    fn letter(table: &str) -> wit::DeadLetter {
        let word = |word: &str| word.to_owned();
        wit::DeadLetter {
            table: word(table),
            operation: word("insert"),
            payload: word("{}"),
            code: word("c"),
            message: word("m"),
            origin: word("o"),
            key: None,
        }
    }

    #[test]
    fn an_answer_has_each_key_once() {
        let asked = batch("t", &[1, 2, 3]);
        let two = || Some(batch("t", &[1, 2]));
        let cases = [
            ("all three ways", 3, Some(batch("t", &[1])), vec![letter("t")], vec![2], true),
            ("a part", 2, two(), vec![], vec![], true),
            ("nothing", 0, None, vec![], vec![], false),
            ("a key that is none", 4, two(), vec![], vec![2, 3], false),
            ("one key left out", 3, two(), vec![], vec![], false),
            ("one key too many", 1, two(), vec![], vec![], false),
            ("absent behind the answer", 2, Some(batch("t", &[1])), vec![], vec![2], false),
            ("absent twice", 2, None, vec![], vec![0, 0], false),
            ("rows of another table", 2, Some(batch("u", &[1, 2])), vec![], vec![], false),
            ("letters of another table", 3, two(), vec![letter("u")], vec![], false),
        ];
        for (name, answered, rows, rejected, absent, is_right) in cases {
            let ledger = Ledger::new(Bounds::UNBOUNDED);
            let mut kept = Kept::new(&ledger.account(Role::Source, "x", Bounds::UNBOUNDED));
            let rows = rows.as_ref().map(keys);
            let answer = export::LookedUp { answered, rows, rejected, absent };
            assert_eq!(looked_up(answer, &asked, &mut kept).is_ok(), is_right, "{name}");
        }
    }
}
