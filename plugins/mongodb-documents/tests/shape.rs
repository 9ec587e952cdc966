//! How a shape grows, and where it stops.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use bson::{RawBson, RawDocumentBuf, doc, rawdoc};
use cartridge_warp_sdk::{Action, Operation};
use mongodb_documents::{COLUMNS_MAX, Change, Mode, Pushed, Rows, bson};
use support::{COLUMNS, cell, push, row, shape};

fn flat(max_depth: u32) -> Mode {
    Mode::Columns { max_depth }
}

fn columns(mode: Mode, documents: &[RawDocumentBuf]) -> Vec<String> {
    let mut shape = shape(mode);
    for document in documents {
        shape.observe(document).unwrap();
    }
    let table = shape.table();
    assert_eq!(
        (table.name.as_str(), table.key.as_slice()),
        ("things", ["_id".to_owned()].as_slice())
    );
    let text =
        |column: &cartridge_warp_sdk::Column| format!("{} {}", column.name, column.column_type);
    table.columns.iter().map(text).collect()
}

#[test]
fn nested_documents_are_flattened_as_deep_as_asked() {
    let document = [rawdoc! {
        "_id": 1, "a": { "x": 1, "y": { "z": "t", "empty": {} }, "l": [{ "q": 1 }] }, "b": 2.5,
    }];
    for (depth, expect) in [
        (0, vec!["_id bigint", "a json", "b double"]),
        (1, vec!["_id bigint", "a_l json", "a_x integer", "a_y json", "b double"]),
        (
            2,
            vec![
                "_id bigint",
                "a_l json",
                "a_x integer",
                "a_y_empty json",
                "a_y_z string",
                "b double",
            ],
        ),
    ] {
        assert_eq!(columns(flat(depth), &document), expect, "{depth}");
    }
    let rows = row(flat(2), &document[0]).unwrap();
    assert_eq!(cell(&rows, 0, "a_y_z").unwrap(), "string t");
    assert_eq!(cell(&rows, 0, "a_y_empty").unwrap(), "json {}");
    assert_eq!(columns(Mode::Document, &document), ["_id bigint", "document json"]);
}

#[test]
fn a_field_that_is_a_document_only_at_times_has_both_columns() {
    let documents = [
        rawdoc! { "_id": 1, "a": { "x": 1 } },
        rawdoc! { "_id": 2, "a": "text" },
        rawdoc! { "_id": 3, "a": {} },
        rawdoc! { "_id": 4, "a": null },
    ];
    let rows = support::rows(flat(1), &documents);
    let cells = |column| (0..4).map(|row| cell(&rows, row, column).unwrap()).collect::<Vec<_>>();
    assert_eq!(cells("a"), ["json null", "json \"text\"", "json {}", "json null"]);
    assert_eq!(cells("a_x"), ["integer 1", "integer null", "integer null", "integer null"]);
}

#[test]
fn columns_have_names_that_destinations_can_hold() {
    let document = rawdoc! {
        "_id": 1, "": "e", "_op": "o", "_cartridge_x": "c", "xmin": "p", "a.b": "d", "$s": "s",
        "Name": "upper", "name": "lower", "n\u{1}": "control", "_": "u",
    };
    let rows = row(COLUMNS, &document).unwrap();
    for (column, value) in [
        ("_", "e"),
        ("__op", "o"),
        ("__cartridge_x", "c"),
        ("_xmin", "p"),
        ("a.b", "d"),
        ("$s", "s"),
        ("Name", "upper"),
        ("name", "lower"),
        ("__", "u"),
    ] {
        assert_eq!(cell(&rows, 0, column).unwrap(), format!("string {value}"));
    }
}

#[test]
fn two_fields_of_one_column_are_a_failure() {
    let document = rawdoc! { "_id": 1, "a": { "b": 1 }, "a_b": 2 };
    let failure = shape(flat(1)).observe(&document).unwrap_err();
    assert_eq!((failure.action, failure.code.as_str()), (Action::Config, "ambiguous-column"));
    assert!(failure.message.contains("things") && failure.message.contains("\"a_b\""), "{failure}");
    assert!(shape(flat(0)).observe(&document).unwrap());
}

#[test]
fn too_many_columns_are_a_failure_and_a_document_column_is_none() {
    let mut wide = RawDocumentBuf::new();
    wide.append(bson::raw::cstr!("_id"), 1);
    for at in 1..COLUMNS_MAX {
        wide.append(bson::raw::CString::try_from(format!("f{at}")).unwrap(), 1);
    }
    assert!(row(COLUMNS, &wide).is_ok());
    wide.append(bson::raw::cstr!("one more"), 1);
    for mode in [COLUMNS, flat(9)] {
        let failure = shape(mode).observe(&wide).unwrap_err();
        assert_eq!((failure.action, failure.code.as_str()), (Action::Config, "too-many-columns"));
        assert!(failure.message.contains("options.schema_mode"), "{failure}");
    }
    assert!(row(Mode::Document, &wide).is_ok());

    let long = "n".repeat(1 << 20);
    let mut names = RawDocumentBuf::new();
    names.append(bson::raw::CString::try_from(long).unwrap(), 1);
    assert_eq!(shape(COLUMNS).observe(&names).unwrap_err().code, "too-many-columns");
}

#[test]
fn many_empty_levels_are_bounded_too() {
    // Documents that are flattened take fields of their own, which have no columns.
    let inner = |at: usize| {
        let levels = (0..31).fold(doc! { "x": at as i64 }, |inner, _| doc! { "l": inner });
        RawBson::try_from(bson::Bson::Document(levels)).unwrap()
    };
    let mut shape = shape(flat(32));
    let outcome = (0..200).try_for_each(|at| {
        let mut document = rawdoc! { "_id": 1 };
        document.append(bson::raw::CString::try_from(format!("f{at}")).unwrap(), inner(at));
        shape.observe(&document).map(drop)
    });
    assert_eq!(outcome.unwrap_err().code, "too-many-columns");
}

#[test]
fn a_table_that_changes_ends_the_batch_before_it() {
    let mut rows = Rows::changes(shape(COLUMNS));
    let is_row = |outcome| matches!(outcome, Pushed::Row);
    let first = rawdoc! { "_id": 1, "a": 1 };
    assert!(is_row(rows.push(Operation::Insert, &first, Some(5)).unwrap()));
    assert!(is_row(
        rows.push(Operation::Update, &rawdoc! { "_id": 1, "a": 2, "b": null }, None).unwrap()
    ));

    let wider = rawdoc! { "_id": 2, "b": true, "a": 3_i64 };
    for _ in 0..2 {
        let outcome = rows.push(Operation::Insert, &wider, None).unwrap();
        assert!(matches!(outcome, Pushed::Reshaped), "as often as one asks");
    }
    // Nothing else gets in before the batch is taken.
    assert!(matches!(rows.push(Operation::Insert, &first, None).unwrap(), Pushed::Reshaped));
    let batch = rows.finish().unwrap();
    assert_eq!((batch.len(), batch.columns().len(), batch.timestamp(0)), (2, 2, Some(5)));
    assert!(is_row(rows.push(Operation::Insert, &wider, None).unwrap()));
    assert!(is_row(rows.push(Operation::Insert, &first, None).unwrap()));
    let batch = rows.finish().unwrap();
    assert_eq!(cell(&batch, 0, "a").unwrap(), "bigint 3");
    assert_eq!(cell(&batch, 0, "b").unwrap(), "boolean true");
    assert_eq!(cell(&batch, 1, "a").unwrap(), "bigint 1");

    // What the column holds anyway changes nothing.
    let text = rawdoc! { "_id": 3, "c": "x" };
    push(&mut rows, &text).unwrap();
    rows.finish().unwrap();
    push(&mut rows, &text).unwrap();
    let symbol = rawdoc! { "_id": 4, "c": RawBson::Symbol("s".into()) };
    assert!(is_row(rows.push(Operation::Insert, &symbol, None).unwrap()));
}

#[test]
fn a_batch_has_one_shape_and_each_document_once_whatever_it_brings() {
    let no_id = rawdoc! { "a": 1 };
    let documents = [
        rawdoc! { "_id": 1, "a": 1 },
        no_id,
        rawdoc! { "_id": 2, "a": "text", "b": 2 },
        rawdoc! { "_id": 3, "c": true },
    ];
    let gone = rawdoc! { "_id": 1 };
    let inserts = documents.iter().map(|document| (Operation::Insert, document));
    let changes = inserts.chain([(Operation::Delete, &gone)]);
    let changes = changes.map(|(operation, document)| Change { operation, document, at: Some(7) });
    let mut rows = Rows::changes(shape(COLUMNS));
    // The first time all is new, the second time nothing.
    for _ in 0..2 {
        let letters = rows.push_all(changes.clone()).unwrap();
        assert_eq!(
            letters.iter().map(|letter| letter.code.as_str()).collect::<Vec<_>>(),
            ["no-id"]
        );
        let batch = rows.finish().unwrap();
        assert_eq!((batch.len(), batch.columns().len()), (4, 4));
        assert_eq!(cell(&batch, 0, "a").as_deref(), Some("string 1"));
        assert_eq!(cell(&batch, 1, "a").as_deref(), Some("string text"));
        assert_eq!((batch.op(2), batch.op(3)), (Operation::Insert, Operation::Delete));
    }
}
