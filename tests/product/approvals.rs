//! Changes of shape that wait for a person: listed, approved, rejected.

use std::time::Duration;

use cartridge_warp_tests::{Databases, Ended, Pipeline, Running, wait_until};
use serde_json::{Value, json};

/// Two tables, copied, of which `bad` gets another shape.
fn shop(set: &[(&str, Value)]) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE good (id int PRIMARY KEY, v int); INSERT INTO good VALUES (1, 1);
         CREATE TABLE bad (id int PRIMARY KEY, v int); INSERT INTO bad VALUES (1, 1), (2, NULL)",
    );
    let mut pipeline = databases.pipeline();
    set.iter().for_each(|(key, value)| pipeline.set(key, value.clone()));
    said(&pipeline.catch_up(), 0, &[]);
    (databases, pipeline)
}

fn said(ended: &Ended, code: i32, words: &[&str]) {
    let said = [ended.stdout.as_str(), &ended.stderr].concat();
    assert_eq!(ended.status.code(), Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

fn stop(running: Running) {
    running.signal(15);
    said(&running.wait(Duration::from_secs(120)), 0, &[]);
}

fn schema(pipeline: &Pipeline, arguments: &[&str]) -> Ended {
    pipeline.run(&[&["--output", "human", "schema"], arguments].concat())
}

/// What `schema list` says, as JSON.
fn listed(pipeline: &Pipeline) -> Vec<Value> {
    let ended = pipeline.run(&["--output", "json", "schema", "list"]);
    said(&ended, 0, &[]);
    let list: Value = serde_json::from_str(&ended.stdout).unwrap();
    list["changes"].as_array().unwrap().clone()
}

fn at_destination(databases: &Databases) -> Vec<String> {
    let sql = "SELECT column_name || ' ' || data_type FROM information_schema.columns \
               WHERE table_name = 'bad' ORDER BY ordinal_position";
    databases.at_destination(sql)
}

#[test]
fn a_change_waits_and_is_made_when_a_person_approves_of_it() {
    let (databases, pipeline) = shop(&[]);
    assert_eq!(listed(&pipeline), Vec::<Value>::new());
    said(&schema(&pipeline, &["list"]), 0, &["every table has the shape"]);
    said(&schema(&pipeline, &["approve", "bad"]), 1, &["nothing of table `bad` waits"]);

    databases.at_source(
        "ALTER TABLE bad ALTER v TYPE text; INSERT INTO bad VALUES (3, 'x');
         INSERT INTO good VALUES (2, 2)",
    );
    said(&pipeline.catch_up(), 3, &["schema-change-unapproved", "schema approve public.bad"]);
    assert_eq!(databases.at_destination("SELECT id FROM good ORDER BY id"), ["1", "2"]);
    let expected = json!({
        "table": "bad", "verdict": "ask", "decision": null, "was": "integer",
        "change": {"change": "modify_column", "column": "v", "becomes": "text"},
        "reason": "it changes how values read, which `schema_evolution.strategy: permissive` allows",
    });
    assert_eq!(listed(&pipeline), [expected]);
    let list = schema(&pipeline, &["list"]);
    said(&list, 0, &["public.bad: modify_column `v` to text (was integer): waits for a person"]);

    // The rows come in that shape, so there is no going on without it.
    said(&schema(&pipeline, &["reject", "bad"]), 1, &["cannot go on without modify_column `v`"]);
    said(&schema(&pipeline, &["approve", "good"]), 1, &["nothing of table `good` waits"]);
    said(&schema(&pipeline, &["approve", "absent"]), 1, &["no table `absent`", "schema list"]);
    said(&schema(&pipeline, &["approve", "bad", "--column", "w"]), 1, &["nothing of table"]);
    said(&pipeline.catch_up(), 3, &[]);

    let approved = schema(&pipeline, &["approve", "bad"]);
    said(&approved, 0, &["public.bad: modify_column `v` to text approved"]);
    assert_eq!(listed(&pipeline)[0]["decision"], "approved");
    said(&pipeline.catch_up(), 0, &["these tables begin anew in the stream"]);
    assert_eq!(databases.differences(), Vec::<String>::new());
    assert_eq!(listed(&pipeline), Vec::<Value>::new());
}

#[test]
fn an_approval_is_for_one_change_and_needs_no_copy_where_the_schema_stopped() {
    let stop = [
        ("schemas.0.on_table_failure", json!("stop")),
        ("schema_evolution", json!({"table_configs": {"bad": {"require_approval": true}}})),
    ];
    let (databases, pipeline) = shop(&stop);
    // A copy would empty it.
    databases.at_destination("INSERT INTO bad VALUES (99, 99)");
    databases.at_source("ALTER TABLE bad ADD w bigint; INSERT INTO bad VALUES (3, 3, 3)");
    said(&pipeline.catch_up(), 1, &["add_column `w` as bigint waits for a person"]);
    said(&pipeline.run(&["check"]), 2, &["add_column `w` as bigint waits for a person"]);
    said(&schema(&pipeline, &["approve", "bad", "--column", "w"]), 0, &["approved"]);
    said(&pipeline.run(&["check"]), 0, &[]);
    said(&pipeline.catch_up(), 0, &[]);
    let ids = databases.at_destination("SELECT id FROM bad ORDER BY id");
    assert_eq!(ids, ["1", "2", "3", "99"]);
    assert_eq!(databases.at_destination("SELECT w FROM bad WHERE id = 3"), ["3"]);

    // The same change another day is asked about again.
    databases.at_source("ALTER TABLE bad DROP w");
    said(&pipeline.catch_up(), 0, &[]);
    databases.at_source("ALTER TABLE bad ADD w bigint; INSERT INTO bad VALUES (4, 4, 4)");
    said(&pipeline.catch_up(), 1, &["waits for a person"]);
}

#[test]
fn a_rejected_column_stays_away_until_it_is_approved() {
    let (databases, pipeline) = shop(&[("schema_evolution.strategy", json!("strict"))]);
    let before = at_destination(&databases);
    databases.at_source(
        "ALTER TABLE bad ADD w text, ADD x text; INSERT INTO bad VALUES (3, 3, 'w', 'x')",
    );
    said(&pipeline.catch_up(), 3, &["add_column `w` as text waits for a person"]);
    said(&schema(&pipeline, &["reject", "bad", "--column", "w"]), 0, &["`w` as text rejected"]);
    // The other one still waits.
    said(&pipeline.catch_up(), 3, &[]);
    said(&schema(&pipeline, &["reject", "bad"]), 0, &["`x` as text rejected"]);
    said(&pipeline.catch_up(), 0, &[]);
    let ids = || databases.at_destination("SELECT id FROM bad ORDER BY id");
    assert_eq!(
        (at_destination(&databases), ids()),
        (before.clone(), vec!["1".into(), "2".into(), "3".into()])
    );

    // In the stream, after a restart, and in a new copy.
    databases.at_source("INSERT INTO bad VALUES (4, 4, 'w', 'x')");
    said(&pipeline.catch_up(), 0, &[]);
    let again = pipeline.run(&["run", "--until-caught-up", "--full-resync=bad"]);
    said(&again, 0, &[]);
    assert_eq!((at_destination(&databases), ids().len()), (before, 4));
    let decisions: Vec<Value> = listed(&pipeline).iter().map(|it| it["decision"].clone()).collect();
    assert_eq!(decisions, ["rejected", "rejected"]);
    let why = "it was rejected, so it stays away";
    for waiting in listed(&pipeline) {
        assert!(waiting["reason"].as_str().unwrap().starts_with(why), "{waiting}");
    }
    said(&schema(&pipeline, &["list"]), 0, &["rejected on 20", why]);

    said(&schema(&pipeline, &["approve", "bad", "--column", "x"]), 0, &["`x` as text approved"]);
    said(&pipeline.catch_up(), 0, &["copied by other rules"]);
    assert_eq!(databases.at_destination("SELECT x FROM bad WHERE id = 4"), ["x"]);
    assert!(!at_destination(&databases).contains(&"w text".to_owned()));
}

#[test]
fn what_a_run_holds_is_decided_only_when_it_is_taken_over() {
    let (databases, pipeline) = shop(&[
        ("schema_evolution.strategy", json!("strict")),
        // A run that cannot be reached, as one of another machine.
        ("control.enabled", json!(false)),
    ]);
    let mut running = pipeline.start();
    running.wait_for("following changes");
    databases.at_source("ALTER TABLE bad ADD w text; INSERT INTO bad VALUES (3, 3, 'w')");
    running.wait_for("table parked");
    said(&schema(&pipeline, &["approve", "bad"]), 1, &["schema-held", "--take-over"]);
    said(&schema(&pipeline, &["approve", "--take-over", "bad"]), 0, &["approved"]);
    databases.at_source("INSERT INTO good VALUES (2, 2)");
    said(&running.wait(Duration::from_secs(120)), 5, &["fenced"]);
    said(&pipeline.catch_up(), 0, &[]);
    assert_eq!(databases.differences(), Vec::<String>::new());
}

#[test]
fn a_rejected_column_stays_away_under_another_name_and_with_another_type() {
    let (databases, pipeline) = shop(&[("schema_evolution.strategy", json!("strict"))]);
    let before = at_destination(&databases);
    databases.at_source("ALTER TABLE bad ADD note int; INSERT INTO bad VALUES (3, 3, 3)");
    said(&pipeline.catch_up(), 3, &[]);
    said(&schema(&pipeline, &["reject", "bad"]), 0, &["`note` as integer rejected"]);
    said(&pipeline.catch_up(), 0, &[]);
    let remarks = |name: &str, kind: &str| {
        let waits = listed(&pipeline);
        let expected = json!({"change": "add_column", "column": name, "becomes": kind});
        assert_eq!((&waits[0]["change"], waits.len()), (&expected, 1));
        assert_eq!(waits[0]["decision"], "rejected");
    };

    databases.at_source(
        "ALTER TABLE bad ALTER note TYPE bigint; ALTER TABLE bad RENAME note TO remark;
         INSERT INTO bad VALUES (4, 4, 4)",
    );
    said(&pipeline.catch_up(), 0, &[]);
    said(&pipeline.catch_up(), 0, &[]);
    remarks("remark", "bigint");
    let again = ["run", "--until-caught-up", "--full-resync=bad"];
    databases.at_source("ALTER TABLE bad RENAME remark TO comment");
    said(&pipeline.run(&again), 0, &[]);
    remarks("comment", "bigint");
    let mut running = pipeline.start();
    running.wait_for("following changes");
    databases
        .at_source("ALTER TABLE bad RENAME comment TO words; INSERT INTO bad VALUES (5, 5, 5)");
    wait_until("the row arrives", || {
        databases.at_destination("SELECT 1 FROM bad WHERE id = 5") == ["1"]
    });
    stop(running);
    said(&pipeline.catch_up(), 0, &[]);
    remarks("words", "bigint");
    assert_eq!(at_destination(&databases), before);

    said(&schema(&pipeline, &["approve", "bad"]), 0, &["`words` as bigint approved"]);
    said(&pipeline.catch_up(), 0, &[]);
    assert_eq!(databases.differences(), Vec::<String>::new());
}

#[test]
fn a_dropped_column_is_decided_about_whether_or_not_a_run_saw_it_go() {
    let (databases, mut pipeline) = shop(&[("schema_evolution.strategy", json!("aggressive"))]);
    let mut running = pipeline.start();
    running.wait_for("following changes");
    databases.at_source("ALTER TABLE bad DROP v; INSERT INTO bad VALUES (3)");
    running.wait_for("table parked");
    stop(running);
    let list = schema(&pipeline, &["list"]);
    said(&list, 0, &["public.bad: drop_column `v` (was integer): waits for a person"]);
    said(&schema(&pipeline, &["reject", "bad"]), 0, &["drop_column `v` rejected"]);
    said(&pipeline.catch_up(), 0, &[]);
    let columns = || at_destination(&databases).join(", ");
    assert_eq!(columns(), "id integer, v integer");

    // While nobody ran it.
    databases.at_source("ALTER TABLE good DROP v; INSERT INTO good VALUES (4)");
    said(&pipeline.catch_up(), 3, &["drop_column `v` waits for a person"]);
    said(&schema(&pipeline, &["approve", "good"]), 0, &["drop_column `v` approved"]);
    said(&pipeline.catch_up(), 0, &["these tables begin anew in the stream"]);
    let rows = databases.at_destination("SELECT * FROM good ORDER BY id");
    assert_eq!(rows, ["1", "4"], "the column is gone");

    // By itself, where nobody has to be asked.
    databases.at_source("ALTER TABLE good ADD w int; INSERT INTO good VALUES (5, 5)");
    said(&pipeline.catch_up(), 0, &[]);
    databases.at_source("ALTER TABLE good DROP w");
    pipeline.set("schema_evolution.require_approval_for_dangerous_changes", json!(false));
    said(&pipeline.catch_up(), 0, &["drop_column `w`"]);
    assert_eq!(databases.at_destination("SELECT * FROM good ORDER BY id"), ["1", "4", "5"]);
}

#[test]
fn an_approval_of_what_the_source_has_undone_lets_nothing_through_later() {
    let stop = [
        ("schemas.0.on_table_failure", json!("stop")),
        ("schema_evolution.strategy", json!("strict")),
    ];
    let (databases, pipeline) = shop(&stop);
    databases.at_source("ALTER TABLE bad ADD w bigint");
    said(&pipeline.catch_up(), 1, &["waits for a person"]);
    said(&schema(&pipeline, &["approve", "bad"]), 0, &["`w` as bigint approved"]);
    databases.at_source("ALTER TABLE bad DROP w");
    said(&pipeline.catch_up(), 0, &[]);
    let before = at_destination(&databases);
    databases.at_source("ALTER TABLE bad ADD w bigint; INSERT INTO bad VALUES (3, 3, 3)");
    said(&pipeline.catch_up(), 1, &["add_column `w` as bigint waits for a person"]);
    assert_eq!(at_destination(&databases), before);
}

#[test]
fn nothing_waits_for_a_table_that_is_gone() {
    let (databases, pipeline) = shop(&[("schema_evolution.strategy", json!("strict"))]);
    databases.at_source("ALTER TABLE bad ADD w text; INSERT INTO bad VALUES (3, 3, 'w')");
    said(&pipeline.catch_up(), 3, &["schema approve public.bad"]);
    databases.at_source("DROP TABLE bad");
    let gone = "its source has no such table any more";
    for command in [&["run", "--until-caught-up"][..], &["status"], &["check"]] {
        let ended = pipeline.run(command);
        let said = [ended.stdout.as_str(), &ended.stderr].concat();
        assert!(said.contains(gone) && !said.contains("schema approve"), "{command:?}: {said}");
    }
    said(&pipeline.run(&["resume", "public.bad"]), 0, &["again (was parked)"]);
    said(&pipeline.catch_up(), 0, &[]);
    let status = pipeline.run(&["status"]);
    assert!(!status.stdout.contains("bad"), "{}", status.stdout);
    databases
        .at_source("CREATE TABLE bad (id int PRIMARY KEY, v int); INSERT INTO bad VALUES (7, 7)");
    said(&pipeline.catch_up(), 0, &[]);
    assert_eq!(databases.differences(), Vec::<String>::new());
}
