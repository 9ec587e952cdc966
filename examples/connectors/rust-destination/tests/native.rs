//! The connector without a host: plain Rust.

use std::path::Path;

use cartridge_warp_sdk::testing::{Claimed, assert_failure};
use cartridge_warp_sdk::{
    ColumnType, Config, Destination, Marker, NoOptions, Operation, SchemaChange, Table, TablePlan,
    TableRows, TableWriter, Value, WriteMode,
};
use starter_destination::{Connector, State};

fn people() -> Table {
    Table::new("people")
        .column("id", ColumnType::BigInt)
        .column("name", ColumnType::String)
        .column("note", ColumnType::String)
        .key(["id"])
}

fn connect(root: &Path) -> Connector {
    let root = root.to_str().unwrap();
    let config = Config::new(root, NoOptions {}).grant("connection_string", root, true);
    Connector::connect(config).unwrap()
}

/// Claims the schema `demo`, with its table.
fn claim(root: &Path) -> Claimed<Connector> {
    let mut claimed = Claimed::new(connect(root), "demo").unwrap();
    claimed.plan(&TablePlan::new(&people(), WriteMode::Upsert)).unwrap();
    claimed
}

/// What is on the disk, as another process would find it.
fn kept(root: &Path) -> State {
    let mut names: Vec<_> =
        std::fs::read_dir(root.join("demo")).unwrap().map(Result::unwrap).collect();
    names.retain(|name| name.path().extension().is_some_and(|extension| extension == "json"));
    assert_eq!(names.len(), 1, "what older claims left is gone: {names:?}");
    serde_json::from_slice(&std::fs::read(names[0].path()).unwrap()).unwrap()
}

fn names(state: &State) -> Vec<Option<&str>> {
    state.tables["people"].rows.values().map(|row| row["name"].as_deref()).collect()
}

/// Inserts of an id and a name each.
fn inserts(rows: &[(i64, &str)]) -> TableRows {
    let mut writer = TableWriter::changes(&people());
    for (id, name) in rows {
        writer.push(Operation::Insert, [Value::I64(*id), Value::Str(name)]).unwrap();
    }
    writer.finish().unwrap()
}

/// An update of a name, of which the note was not sent.
fn update(id: i64, name: &str) -> TableRows {
    let mut writer = TableWriter::changes(&people());
    let mut row = writer.row(Operation::Update);
    row.set("id", id).unwrap();
    row.set("name", name).unwrap();
    row.unchanged("note").unwrap();
    row.commit();
    writer.finish().unwrap()
}

#[test]
fn rows_and_position_are_one_commit_that_may_come_again() {
    let root = tempfile::tempdir().unwrap();
    let mut claimed = claim(root.path());
    let mut writer = TableWriter::changes(&people());
    writer.push(Operation::Delete, [Value::I64(2)]).unwrap();
    let deleted = writer.finish().unwrap();
    let mut request =
        claimed.request(vec![inserts(&[(1, "Ada"), (2, "Grace")]), update(1, "A."), deleted]);
    request.markers = vec![Marker { stream: "s".into(), value: Some(b"p".to_vec()) }];
    for _ in 0..2 {
        assert_eq!(claimed.send(request.clone()).unwrap().rows_written, 4);
        assert_eq!(names(&kept(root.path())), [Some("A.")]);
    }
    // Another process takes over what is there.
    assert_eq!(claim(root.path()).marker("s").unwrap().as_deref(), Some(&b"p"[..]));
    assert_eq!(names(&kept(root.path())), [Some("A.")]);
}

#[test]
fn who_lost_the_schema_writes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let mut old = claim(root.path());
    old.write(vec![inserts(&[(1, "Ada")])]).unwrap();
    let mut new = claim(root.path());
    assert_failure(old.write(vec![inserts(&[(2, "Grace")])]), "stop", "fenced", &["demo"]);
    new.write(vec![inserts(&[(3, "Edsger")])]).unwrap();
    let read = connect(root.path()).get_marker("demo", "s").unwrap();
    assert_eq!(read, None);
    drop(claim(root.path()));
    assert_eq!(names(&kept(root.path())), [Some("Ada"), Some("Edsger")]);
}

#[test]
fn a_row_that_lacks_a_value_is_a_dead_letter_and_the_others_are_written() {
    let root = tempfile::tempdir().unwrap();
    let mut claimed = claim(root.path());
    let outcome = claimed.write(vec![update(7, "Ada"), inserts(&[(1, "Grace")])]).unwrap();
    assert_eq!((outcome.rows_written, outcome.rejected[0].code.as_str()), (1, "missing-row"));
    let state = kept(root.path());
    assert_eq!((names(&state), state.letters.len()), (vec![Some("Grace")], 1));
    let mut request = claimed.request(vec![inserts(&[(2, "Edsger")]), update(7, "Ada")]);
    request.dead_letter_rejected = false;
    assert_failure(claimed.send(request), "stop", "row-rejected", &["row 0 of batch 1"]);
    assert_eq!(names(&kept(root.path())), [Some("Grace")], "nothing of it is written");
}

#[test]
fn shapes_change_once() {
    let root = tempfile::tempdir().unwrap();
    let mut claimed = claim(root.path());
    claimed.write(vec![inserts(&[(1, "Ada")])]).unwrap();
    let renamed = Table::new("people")
        .column("id", ColumnType::BigInt)
        .column("called", ColumnType::String)
        .key(["id"]);
    let change = SchemaChange::rename_column("name", "called", renamed);
    let words = |claimed: &mut Claimed<Connector>| {
        format!("{:?}", claimed.change(std::slice::from_ref(&change)))
    };
    assert_eq!(words(&mut claimed), "Ok([Applied])");
    assert_eq!(words(&mut claimed), "Ok([Unchanged])");
    assert_eq!(
        kept(root.path()).tables["people"].rows.values().next().unwrap()["called"].as_deref(),
        Some("Ada")
    );
}
