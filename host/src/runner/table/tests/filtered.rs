//! Which rows the destination gets of a table with `where`.

use std::sync::Arc;

use arrow_array::types::{Int64Type, UInt8Type};
use arrow_array::{Array, BinaryArray, Int64Array, StringArray, UInt8Array, cast::AsArray};
use arrow_schema::DataType;
use serde_json::{Value, json};

use super::{
    super::{Outside, Promises, Table, Taken},
    batch, column, faults, field, table_of,
};
use crate::model::{
    ChangeKind, ColumnType, SchemaChange, TableBatch, TableShape, batch::OP_COLUMN,
};

fn filtered(condition: &str, more: Value, promises: Promises) -> Table {
    let fields = vec![
        field("id", DataType::Int64),
        field("region", DataType::Utf8),
        field("note", DataType::Utf8),
    ];
    let mut rules = json!({"name": "t", "where": condition});
    let own = rules.as_object_mut().unwrap();
    own.extend(more.as_object().unwrap().clone());
    table_of(fields, vec!["id".into()], rules, promises)
}

fn texts(values: &[Option<&str>]) -> StringArray {
    StringArray::from(values.to_vec())
}

/// Each row's operation, key and texts.
fn told(batches: &[TableBatch]) -> Vec<(u8, i64, Vec<Option<String>>)> {
    let mut told = Vec::new();
    for batch in batches {
        let rows = &batch.columns;
        let operations = rows.column_by_name(OP_COLUMN);
        for row in 0..rows.num_rows() {
            let operation = operations.map_or(0, |it| it.as_primitive::<UInt8Type>().value(row));
            let id = rows.column_by_name("id").unwrap().as_primitive::<Int64Type>().value(row);
            let columns = ["region", "note"].into_iter().filter_map(|it| rows.column_by_name(it));
            let text = |values: &Arc<dyn Array>| {
                let values = values.as_string::<i32>();
                values.is_valid(row).then(|| values.value(row).to_owned())
            };
            told.push((operation, id, columns.map(text).collect()));
        }
    }
    told
}

fn changes() -> TableBatch {
    batch(vec![
        column("_op", UInt8Array::from(vec![0, 1, 1, 2, 1, 0])),
        column("id", Int64Array::from(vec![1, 2, 3, 4, 5, 6])),
        column("region", texts(&[Some("EU"), Some("US"), None, None, Some("EU"), Some("US")])),
        column("note", texts(&[Some("a"), Some("secret"), Some("secret"), None, None, Some("x")])),
    ])
}

#[test]
fn a_change_that_leaves_the_condition_is_a_delete_of_the_key_and_of_nothing_else() {
    let mut table = filtered("region = 'EU'", json!({}), Promises::default());
    let Taken { batches, letters } = table.shape(changes()).unwrap();
    assert!(letters.is_empty());
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        told(&batches),
        [
            (0, 1, vec![some("EU"), some("a")]),
            (2, 2, vec![None, None]),
            (2, 3, vec![None, None]),
            (2, 4, vec![None, None]),
            (1, 5, vec![some("EU"), None]),
            (2, 6, vec![None, None]),
        ]
    );
}

#[test]
fn the_condition_sees_columns_that_do_not_travel_as_they_are_at_the_source() {
    let rules = json!({"columns": {"exclude": ["region"], "mask": {"note": "hash"}}});
    let mut table = filtered("region = 'EU' AND note = 'a'", rules, Promises::default());
    assert_eq!(faults(&table), "");
    let told = told(&table.shape(changes()).unwrap().batches);
    let operations: Vec<u8> = told.iter().map(|(operation, _, _)| *operation).collect();
    assert_eq!(operations, [0, 2, 2, 2, 2, 2]);
    assert_eq!(told[0].2.len(), 1, "{told:?}");
}

#[test]
fn of_a_copy_rows_are_left_out_where_no_key_comes_twice() {
    let rows = || {
        batch(vec![
            column("id", Int64Array::from(vec![1, 2])),
            column("region", texts(&[Some("EU"), Some("US")])),
            column("note", texts(&[None, None])),
        ])
    };
    for (disjoint_chunks, expected) in [(true, vec![(0, 1)]), (false, vec![(0, 1), (2, 2)])] {
        let promises = Promises { disjoint_chunks, ..Promises::default() };
        let mut table = filtered("region = 'EU'", json!({}), promises);
        let outside = table.outside(true);
        let told = told(&table.shape_as(rows(), outside).unwrap().batches);
        let told: Vec<(u8, i64)> =
            told.into_iter().map(|(operation, id, _)| (operation, id)).collect();
        assert_eq!(told, expected);
        assert_eq!(table.outside(false), Outside::Deleted);
    }
    let all = batch(vec![column("id", Int64Array::from(vec![1]))]);
    let mut none =
        filtered("FALSE", json!({}), Promises { disjoint_chunks: true, ..Promises::default() });
    assert!(none.shape_as(all, Outside::LeftOut).unwrap().batches.is_empty());
}

/// Rows of a copy say that they are, in a log that its changes overlap.
#[test]
fn the_copied_rows_of_a_log_are_asked_too() {
    let promises = Promises { change_log: true, append: true, ..Promises::default() };
    let mut table = filtered("region = 'EU'", json!({"write_mode": "append"}), promises);
    let rows = batch(vec![
        column("id", Int64Array::from(vec![1, 2])),
        column("region", texts(&[Some("EU"), Some("US")])),
        column("note", texts(&[None, Some("secret")])),
    ]);
    let rows = table.copied(rows).unwrap();
    let outside = table.outside(true);
    let told = told(&table.shape_as(rows, outside).unwrap().batches);
    let rows: Vec<(u8, i64)> = told.iter().map(|(it, id, _)| (*it, *id)).collect();
    assert_eq!(rows, [(4, 1), (2, 2)]);
    assert_eq!(told[1].2, [None, None]);
}

#[test]
fn a_row_whose_values_were_not_sent_is_a_dead_letter_that_shows_nothing_of_it() {
    let mut table = filtered("region = 'EU' AND id < 9", json!({}), Promises::default());
    // Of rows 1 and 9 the region was not sent, of row 2 the note.
    let bits: Vec<Option<&[u8]>> = vec![Some(&[0b010]), Some(&[0b100]), Some(&[0b010])];
    let Taken { batches, letters } = table
        .shape(batch(vec![
            column("_op", UInt8Array::from(vec![1, 1, 1])),
            column("id", Int64Array::from(vec![1, 2, 9])),
            column("region", texts(&[None, Some("EU"), None])),
            column("note", texts(&[Some("secret"), None, Some("b")])),
            column("_unchanged", BinaryArray::from(bits)),
        ]))
        .unwrap();
    let told: Vec<(u8, i64)> = told(&batches).into_iter().map(|(it, id, _)| (it, id)).collect();
    assert_eq!(told, [(1, 2), (2, 9)]);
    let letter = &letters[0];
    assert_eq!((letters.len(), letter.code.as_str()), (1, "where-undecided"));
    assert_eq!(letter.key.as_deref(), Some("{\"id\":\"1\"}"));
    assert!(!letter.payload.contains("secret"), "{}", letter.payload);
    let error = table.shape(batch(vec![column("id", Int64Array::from(vec![1]))])).err().unwrap();
    assert!(error.to_string().contains("come without column `region`"), "{error}");
}

#[test]
fn rows_that_are_whole_have_no_value_of_a_column_that_they_lack() {
    let promises = Promises { whole_rows: true, ..Promises::default() };
    let mut table = filtered("tag IS NULL AND region = 'EU'", json!({}), promises);
    assert_eq!(faults(&table), "");
    let rows = batch(vec![
        column("id", Int64Array::from(vec![1])),
        column("region", texts(&[Some("EU")])),
        column("note", texts(&[None])),
    ]);
    assert_eq!(told(&table.shape(rows).unwrap().batches)[0].0, 0);
}

#[test]
fn a_condition_that_makes_no_sense_for_the_table_is_refused() {
    for (condition, words) in [
        ("regoin = 'EU'", "table `t`: `where` asks about `regoin`, which it does not have"),
        ("region = 5", "table `t`: `where` compares the number 5 with `region` of type text"),
    ] {
        assert_eq!(faults(&filtered(condition, json!({}), Promises::default())), words);
    }
    let table = filtered("region = 'EU'", json!({}), Promises::default());
    let shape = |name: &str, kind: ColumnType| {
        let fields = vec![field("id", DataType::Int64), kind.field(name)];
        let schema = Arc::new(arrow_schema::Schema::new(fields));
        TableShape { schema, ..table.source.clone() }
    };
    let (column, text) = ("region".to_owned(), ColumnType::Text);
    let new_name = "area".to_owned();
    let rename = ChangeKind::RenameColumn { column: column.clone(), new_name };
    for (kind, after, words) in [
        (rename, shape("area", text), "which is called `area` now"),
        (ChangeKind::DropColumn { column: column.clone() }, shape("x", text), "does not have"),
        (
            ChangeKind::ModifyColumn { column: column.clone() },
            shape("region", ColumnType::Bigint),
            "compares the text 'EU' with `region` of type bigint",
        ),
        (ChangeKind::ModifyColumn { column }, shape("region", text), ""),
    ] {
        let change = SchemaChange { table: "t".into(), kind, after: Some(after) };
        let said = table.check_where(&change).err().map(|error| error.to_string());
        let said = said.unwrap_or_default();
        assert!(said.contains(words) && said.is_empty() == words.is_empty(), "{said}");
    }
}

#[test]
fn another_condition_is_another_rule_and_blanks_are_none() {
    let rules = |condition: &str| filtered(condition, json!({}), Promises::default()).rules();
    let shape = filtered("TRUE", json!({}), Promises::default()).source;
    let changes = rules("region = 'EU'").changes(&rules("region = 'US'"), &shape, &[]);
    assert_eq!(
        changes,
        ["its rows were those where region = 'EU' and are those where region = 'US'"]
    );
    assert!(rules("region='EU'").changes(&rules("region  =  'EU'"), &shape, &[]).is_empty());
    let stored = serde_json::to_value(rules("id > 5")).unwrap();
    assert_eq!(stored["where"], "id > 5");
}
