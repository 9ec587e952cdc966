//! Messages as they stand in PostgreSQL's documentation, whole, cut and damaged.

use super::*;

fn text(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}

fn field(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [b"t".as_slice(), &length, text.as_bytes()].concat()
}

/// Two columns: `id`, and a note that was not sent.
fn row() -> Vec<u8> {
    [2_u16.to_be_bytes().as_slice(), &field("7"), b"u"].concat()
}

#[test]
fn of_a_row_that_was_cut_what_is_there_is_read() {
    let id = 16_384_u32.to_be_bytes();
    let three = |row: &[u8]| [&3_u16.to_be_bytes()[..], row].concat();
    let key = [&three(&field("7"))[..], b"nn"].concat();
    let whole = three(&[&field("7")[..], &field("large"), &field("behind")].concat());
    let insert = [&b"I"[..], &id, b"N", &whole].concat();
    let update = [&b"U"[..], &id, b"K", &key, b"N", &whole].concat();
    let old = [&b"U"[..], &id, b"O", &whole, b"N", &whole].concat();
    let tuple = |fields: &[Field]| Tuple(fields.to_vec());
    let seven = Field::Text(Bytes::from_static(b"7"));
    let beginning = tuple(&[seven.clone(), Field::Cut(Some(5)), Field::Cut(None)]);
    for (name, message, kept, new, is_old) in [
        ("within the value", &insert, insert.len() - 12, &beginning, false),
        ("behind its length", &insert, insert.len() - 16, &beginning, false),
        (
            "in front of a value",
            &insert,
            insert.len() - 21,
            &tuple(&[seven, Field::Cut(None), Field::Cut(None)]),
            false,
        ),
        ("the new row of an update", &update, update.len() - 12, &beginning, true),
        ("the old row", &old, 7 + whole.len() - 12, &tuple(&vec![Field::Cut(None); 3]), true),
    ] {
        let decoded = Message::decode(cut(&message[..kept], message.len())).unwrap();
        match decoded {
            Message::Insert { new: read, .. } => {
                assert_eq!((&read, false), (new, is_old), "{name}")
            }
            Message::Update { new: read, old, .. } => {
                assert_eq!((&read, old.is_some()), (new, is_old), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        assert!(
            Message::decode(Bytes::copy_from_slice(&message[..kept])).is_err(),
            "{name}: not cut"
        );
    }
}

#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn samples() -> Vec<(&'static str, Vec<u8>, Message)> {
    let id = 16_384_u32.to_be_bytes();
    let lsn = 0x16_b374_d848_u64.to_be_bytes();
    let tuple = || Tuple(vec![Field::Text(Bytes::from_static(b"7")), Field::Unchanged]);
    let relation = Relation {
        id: 16_384,
        schema: "shop".into(),
        name: "orders".into(),
        replica_identity: 'd',
        columns: vec![RelationColumn {
            is_key: true,
            name: "id".into(),
            type_oid: 20,
            type_modifier: -1,
        }],
    };
    vec![
        (
            "begin",
            [b"B".as_slice(), &lsn, &5_i64.to_be_bytes(), &9_u32.to_be_bytes()].concat(),
            Message::Begin(Begin { commit: 0x16_b374_d848, at_micros: EPOCH_MICROS + 5, id: 9 }),
        ),
        (
            "commit",
            [b"C\0".as_slice(), &[0; 8], &lsn, &[0; 8]].concat(),
            Message::Commit { end: 0x16_b374_d848 },
        ),
        (
            "relation",
            [
                b"R".as_slice(),
                &id,
                &text("shop"),
                &text("orders"),
                b"d",
                &1_u16.to_be_bytes(),
                b"\x01",
                &text("id"),
                &20_u32.to_be_bytes(),
                &(-1_i32).to_be_bytes(),
            ]
            .concat(),
            Message::Relation(relation),
        ),
        (
            "insert",
            [b"I".as_slice(), &id, b"N", &row()].concat(),
            Message::Insert { relation: 16_384, new: tuple() },
        ),
        (
            "update",
            [b"U".as_slice(), &id, b"N", &row()].concat(),
            Message::Update { relation: 16_384, old: None, new: tuple() },
        ),
        (
            "update with its old key",
            [b"U".as_slice(), &id, b"K", &row(), b"N", &row()].concat(),
            Message::Update {
                relation: 16_384,
                old: Some(Old { full: false, tuple: tuple() }),
                new: tuple(),
            },
        ),
        (
            "delete with the whole row",
            [b"D".as_slice(), &id, b"O", &row()].concat(),
            Message::Delete { relation: 16_384, old: Old { full: true, tuple: tuple() } },
        ),
        (
            "truncate",
            [b"T".as_slice(), &2_u32.to_be_bytes(), b"\x01", &id, &id].concat(),
            Message::Truncate { relations: vec![16_384, 16_384] },
        ),
    ]
}

#[test]
fn messages_are_read() {
    for (name, bytes, expected) in samples() {
        assert_eq!(Message::decode(bytes.into()), Ok(expected), "{name}");
    }
    for other in [b"O\0\0".as_slice(), b"Yxyz", b"M"] {
        assert_eq!(Message::decode(Bytes::from_static(other)), Ok(Message::Other));
    }
}

#[test]
fn cut_and_padded_messages_are_refused() {
    for (name, bytes, _) in samples() {
        for end in 0..bytes.len() {
            let cut = Bytes::copy_from_slice(&bytes[..end]);
            assert!(Message::decode(cut).is_err(), "{name} cut at {end}");
        }
        let padded = [bytes.as_slice(), b"\0"].concat();
        assert_eq!(Message::decode(padded.into()), Err(Malformed("bytes after its end")), "{name}");
    }
}

#[test]
fn damage_never_panics_and_counts_allocate_nothing() {
    let mut seed = 0x9e37_79b9_u32;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed
    };
    for (_, bytes, _) in samples() {
        for _ in 0..2000 {
            let mut damaged = bytes.clone();
            let at = random() as usize % damaged.len();
            damaged[at] = random().to_be_bytes()[0];
            let _ = Message::decode(damaged.into());
        }
    }
    let endless = [b"T".as_slice(), &u32::MAX.to_be_bytes(), b"\0"].concat();
    assert!(Message::decode(endless.into()).is_err());
}
