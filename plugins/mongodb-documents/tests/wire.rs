//! Documents that no driver would write, as bytes.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use bson::{RawDocumentBuf, rawdoc};
use cartridge_warp_sdk::{DeadLetter, PAYLOAD_BYTES_MAX};
use mongodb_documents::{Mode, Rows, bson};
use support::{COLUMNS, cell, document, field, id, push, row, text, wire};

/// `{_id: 1, v: {v: {…}}}` with so many documents inside of `v`.
fn nested(levels: usize) -> Vec<u8> {
    let innermost = wire(&[]);
    let value = (1..levels).fold(innermost, |inner, _| wire(&[&field(0x03, "v", &inner)]));
    wire(&[&id(), &field(0x03, "v", &value)])
}

fn refused(mode: Mode, bytes: &[u8]) -> DeadLetter {
    *row(mode, document(bytes)).unwrap_err()
}

#[test]
fn documents_that_cannot_be_read_are_dead_letters() {
    let string = |bytes: &[u8]| field(0x02, "v", &text(bytes));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("text that is not UTF-8", string(b"a\xffb"), "invalid-utf8"),
        ("so inside of a document", field(0x03, "v", &wire(&[&string(b"\xff")])), "invalid-utf8"),
        ("so in code", field(0x0d, "v", &text(b"\xff")), "invalid-utf8"),
        ("a name that is not UTF-8", [&[0x0a], b"\xff\0".as_slice()].concat(), "invalid-utf8"),
        ("an unknown type", field(0x42, "v", &[]), "malformed-bson"),
        ("text longer than the document", field(0x02, "v", b"\x7f\0\0\0abc\0"), "malformed-bson"),
        ("text of negative length", field(0x02, "v", b"\xff\xff\xff\xffabc\0"), "malformed-bson"),
        ("text of no length", field(0x02, "v", b"\0\0\0\0"), "malformed-bson"),
        ("text without an end", field(0x02, "v", b"\x02\0\0\0ab"), "malformed-bson"),
        ("a document cut off", field(0x03, "v", b"\x20\0\0\0\x10a\0"), "malformed-bson"),
        ("a document of length 4", field(0x03, "v", b"\x04\0\0\0"), "malformed-bson"),
        ("an array of negative length", field(0x04, "v", b"\0\0\0\x80\0"), "malformed-bson"),
        ("bytes cut off", field(0x05, "v", b"\x20\0\0\0\0ab"), "malformed-bson"),
        ("bytes of negative length", field(0x05, "v", b"\xff\xff\xff\xff\0"), "malformed-bson"),
        (
            "old bytes with two lengths",
            field(0x05, "v", b"\x05\0\0\0\x02\x09\0\0\0a"),
            "malformed-bson",
        ),
        ("a number cut off", field(0x12, "v", &[1, 2, 3]), "malformed-bson"),
        ("a boolean of 2", field(0x08, "v", &[2]), "malformed-bson"),
        ("an expression without an end", field(0x0b, "v", b"a\0i"), "malformed-bson"),
        (
            "code with a short scope",
            field(0x0f, "v", b"\x0e\0\0\0\x01\0\0\0\0\x05\0\0"),
            "malformed-bson",
        ),
        (
            "code with a scope of no length",
            field(0x0f, "v", b"\x09\0\0\0\x01\0\0\0\0"),
            "malformed-bson",
        ),
        ("a date too far off", field(0x09, "v", &i64::MAX.to_le_bytes()), "date-out-of-range"),
        ("a date too long ago", field(0x09, "v", &i64::MIN.to_le_bytes()), "date-out-of-range"),
    ];
    for (what, bytes, code) in cases {
        let bytes = wire(&[&id(), &bytes]);
        let letter = refused(COLUMNS, &bytes);
        assert_eq!(letter.code, code, "{what}: {}", letter.message);
        assert_eq!((letter.table.as_str(), letter.operation.as_str()), ("things", "insert"));
        assert_eq!(letter.origin, "collection things", "{what}");
        if code != "date-out-of-range" {
            assert_eq!(refused(Mode::Document, &bytes).code, code, "{what}");
        }
    }
}

#[test]
fn what_can_be_read_is_shown_as_the_row_and_the_rest_in_hexadecimal() {
    let bytes = wire(&[&id(), &field(0x02, "v", &text(b"a\xffb")), &field(0x0a, "n", &[])]);
    assert_eq!(refused(COLUMNS, &bytes).payload, "{\"_id\":1,\"v\":\"a\u{fffd}b\",\"n\":null}");
    assert_eq!(
        refused(Mode::Document, &bytes).payload,
        "{\"_id\":1,\"document\":{\"_id\":1,\"v\":\"a\u{fffd}b\",\"n\":null}}"
    );
    let inner = wire(&[&field(0x02, "x", &text(b"\xff"))]);
    let bytes = wire(&[&id(), &field(0x03, "_cartridge", &inner)]);
    let flat = refused(Mode::Columns { max_depth: 1 }, &bytes);
    assert_eq!(flat.payload, "{\"_id\":1,\"__cartridge_x\":\"\u{fffd}\"}", "named like the column");

    let unreadable = wire(&[&id(), &field(0x42, "v", &[])]);
    let expect = format!("_id 1: {}", hex::encode(&unreadable));
    assert_eq!(refused(COLUMNS, &unreadable).payload, expect);
    let nameless = wire(&[&field(0x42, "v", &[])]);
    assert!(refused(COLUMNS, &nameless).payload.starts_with("_id ?: 08000000"));
}

#[test]
fn fields_that_occur_twice_are_dead_letters() {
    let twice = [field(0x10, "a", &[1, 0, 0, 0]), field(0x10, "a", &[2, 0, 0, 0])].concat();
    let null_first = [field(0x0a, "a", &[]), field(0x10, "a", &[2, 0, 0, 0])].concat();
    let name = |at| format!("{}", at % 39);
    let many: Vec<u8> = (0..40).flat_map(|at| field(0x10, &name(at), &[1, 0, 0, 0])).collect();
    for (what, fields) in [
        ("at the top", twice.clone()),
        ("null and a value", null_first),
        ("inside", field(0x03, "v", &wire(&[&twice]))),
        ("in an array", field(0x04, "v", &wire(&[&field(0x03, "0", &wire(&[&twice]))]))),
        ("among many", field(0x03, "v", &wire(&[&many]))),
        ("the _id", id()),
    ] {
        let bytes = wire(&[&id(), &fields]);
        for mode in [COLUMNS, Mode::Columns { max_depth: 3 }] {
            assert_eq!(refused(mode, &bytes).code, "duplicate-field", "{what}");
        }
        assert_eq!(refused(Mode::Document, &bytes).code, "duplicate-field", "{what}");
    }
    let bytes = wire(&[&id(), &twice]);
    assert_eq!(refused(COLUMNS, &bytes).payload, r#"{"_id":1,"a":1,"a":2}"#);
}

#[test]
fn a_shape_that_is_used_again_remembers_no_rows() {
    let (with, without) = (rawdoc! { "_id": 1, "a": 1 }, rawdoc! { "_id": 1 });
    let mut rows = Rows::inserts(support::shape(COLUMNS));
    push(&mut rows, &with).unwrap();
    for skipped in 0..5 {
        let mut again = Rows::inserts(rows.shape().clone());
        for _ in 0..skipped {
            push(&mut again, &without).unwrap();
        }
        push(&mut again, &with).unwrap();
    }
}

#[test]
fn a_document_without_an_id_is_a_dead_letter() {
    for mode in [COLUMNS, Mode::Document] {
        let letter = row(mode, &rawdoc! { "a": 1 }).unwrap_err();
        assert_eq!(letter.code, "no-id");
    }
}

#[test]
fn a_hundred_levels_are_json_and_a_million_are_refused_without_harm() {
    for mode in [COLUMNS, Mode::Columns { max_depth: u32::MAX }, Mode::Document] {
        assert!(row(mode, document(&nested(100))).is_ok(), "{mode:?}");
        assert_eq!(refused(mode, &nested(200)).code, "nesting-too-deep");
    }
    let rows = row(COLUMNS, document(&nested(3))).unwrap();
    assert_eq!(cell(&rows, 0, "v").unwrap(), r#"json {"v":{"v":{}}}"#);

    // Each level is a length, a type, `v` and a NUL in front, and a NUL behind.
    const LEVELS: usize = 1_000_000;
    let mut bytes = Vec::new();
    for level in 0..LEVELS {
        let length = i32::try_from(5 + 8 * (LEVELS - level)).unwrap();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(b"\x03v\0");
    }
    bytes.extend_from_slice(&[5, 0, 0, 0, 0]);
    bytes.resize(bytes.len() + LEVELS, 0);
    let whole = wire(&[&id(), &field(0x03, "v", &bytes)]);
    assert_eq!(refused(COLUMNS, &whole).code, "nesting-too-deep");
    assert_eq!(refused(Mode::Document, &whole).code, "nesting-too-deep");
}

#[test]
fn sixteen_megabytes_pass_and_are_cut_among_dead_letters() {
    const BYTES: usize = (16 << 20) - 100;
    let large = "ü".repeat(BYTES / 2);
    let rows = row(COLUMNS, &rawdoc! { "_id": 1, "v": large.as_str() }).unwrap();
    assert_eq!(cell(&rows, 0, "v").unwrap().len(), "string ".len() + BYTES);
    let rows = row(Mode::Document, &rawdoc! { "_id": 1, "v": large.as_str() }).unwrap();
    assert!(cell(&rows, 0, "document").unwrap().len() > BYTES);

    let fields = [field(0x02, "v", &text(large.as_bytes())), field(0x08, "b", &[2])].concat();
    let letter = refused(COLUMNS, &wire(&[&id(), &fields]));
    assert_eq!(letter.code, "malformed-bson");
    assert!(letter.payload.len() <= PAYLOAD_BYTES_MAX, "{}", letter.payload.len());
}

#[test]
fn no_cut_and_no_flipped_bit_is_a_panic() {
    let whole: RawDocumentBuf = rawdoc! {
        "_id": bson::oid::ObjectId::from_bytes([7; 12]),
        "text": "größe", "n": 1, "l": 2_i64, "d": 1.5, "b": true,
        "nested": { "a": [1, "x", { "b": bson::Regex {
            pattern: "a".try_into().unwrap(), options: "i".try_into().unwrap() } }] },
        "bytes": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1; 9] },
        "at": bson::DateTime::from_millis(1),
        "code": bson::RawJavaScriptCodeWithScope { code: "f()".into(), scope: rawdoc! { "n": 1 } },
    };
    let bytes = whole.as_bytes();
    for at in 4..bytes.len() - 1 {
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << bit;
            for mode in [COLUMNS, Mode::Columns { max_depth: 2 }, Mode::Document] {
                let _ = row(mode, document(&flipped));
            }
        }
        let mut cut = bytes[..at].to_vec();
        cut.push(0);
        let length = i32::try_from(cut.len()).unwrap();
        cut[..4].copy_from_slice(&length.to_le_bytes());
        if cut.len() >= 5 {
            let _ = row(COLUMNS, document(&cut));
        }
    }
}
