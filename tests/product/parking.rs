//! Tables that fail are parked, the others go on, and a parked one comes back whole.

use cartridge_warp_tests::{Databases, Ended, Pipeline, rows::sqlite_count, wait_until};
use serde_json::{Value, json};

/// A key of the configuration and its value.
type Setting = (&'static str, fn() -> Value);

/// A way in which table `bad` fails while table `good` does not.
struct Case {
    name: &'static str,
    /// What is set beside the usual.
    set: &'static [Setting],
    /// SQL before the first run, at the source and at the destination.
    before: &'static str,
    before_at_destination: &'static str,
    /// SQL after it, where the first run is to succeed.
    then: Option<&'static str>,
    then_at_destination: &'static str,
    /// What is said.
    said: &'static [&'static str],
    /// What mends it, at the source, at the destination, and in the configuration.
    mend: &'static str,
    mend_at_destination: &'static str,
    mend_set: &'static [Setting],
}

const CASE: Case = Case {
    name: "",
    set: &[],
    before: "",
    before_at_destination: "",
    then: None,
    then_at_destination: "",
    said: &[],
    mend: "",
    mend_at_destination: "",
    mend_set: &[],
};

fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "no key, from the start",
            before: "ALTER TABLE bad DROP CONSTRAINT bad_pkey",
            said: &["has no key"],
            mend: "ALTER TABLE bad ADD PRIMARY KEY (id)",
            ..CASE
        },
        Case {
            name: "no columns, from the start",
            before: "ALTER TABLE bad DROP id, DROP note",
            said: &["has no columns"],
            mend: "DROP TABLE bad; CREATE TABLE bad (id int PRIMARY KEY, note text);
                   INSERT INTO bad VALUES (1, 'a')",
            ..CASE
        },
        Case {
            name: "a table at the destination that cannot be adopted",
            before_at_destination: "CREATE TABLE bad (id bytea PRIMARY KEY)",
            said: &["bad", "create-table-if-not-exists"],
            mend_at_destination: "DROP TABLE bad",
            ..CASE
        },
        Case {
            name: "the key is another one by the next start",
            then: Some("ALTER TABLE bad DROP CONSTRAINT bad_pkey, ADD PRIMARY KEY (id, note)"),
            said: &["bad"],
            ..CASE
        },
        Case {
            name: "a change of shape that the operator forbids",
            set: &[("schema_evolution", || json!({"strategy": "strict"}))],
            then: Some("ALTER TABLE bad ADD more int; INSERT INTO bad VALUES (7, 'g', 7)"),
            said: &["schema-change-unapproved"],
            ..CASE
        },
        Case {
            name: "a change of shape that the destination refuses",
            then: Some("ALTER TABLE bad ALTER id TYPE bigint; INSERT INTO bad VALUES (7, 'g')"),
            then_at_destination: "CREATE VIEW looks AS SELECT id FROM bad",
            said: &["bad"],
            mend_at_destination: "DROP VIEW looks",
            ..CASE
        },
        Case {
            name: "more columns than there may be",
            set: &[("schemas.0.limits", || json!({"columns_max": 2}))],
            then: Some("ALTER TABLE bad ADD more int; INSERT INTO bad VALUES (7, 'g', 7)"),
            said: &["quota", "columns_max"],
            mend_set: &[("schemas.0.limits", || json!({"columns_max": 3}))],
            ..CASE
        },
    ]
}

/// Ways in which its rows, and not its shape, are to blame.
fn cases_of_rows() -> Vec<Case> {
    vec![
        Case {
            name: "changes of it that nobody can tell any more",
            then: Some(
                "ALTER PUBLICATION cartridge_warp_public DROP TABLE bad; INSERT INTO bad VALUES (7, 'g');
                 ALTER PUBLICATION cartridge_warp_public ADD TABLE bad",
            ),
            said: &["bad", "on_lost_position: resync"],
            ..CASE
        },
        Case {
            name: "a row that is refused",
            set: &[("error_handling.dead_letter_queue", || json!(false))],
            before: "ALTER TABLE bad ADD n numeric(8, 2)",
            then: Some("INSERT INTO bad VALUES (7, 'g', 'NaN')"),
            said: &["row-refused"],
            mend: "DELETE FROM bad WHERE id = 7",
            ..CASE
        },
        Case {
            name: "a row that is refused by the first copy",
            set: &[("error_handling.dead_letter_queue", || json!(false))],
            before: "ALTER TABLE bad ADD n numeric(8, 2); INSERT INTO bad VALUES (7, 'g', 'NaN')",
            said: &["row-refused"],
            mend: "DELETE FROM bad WHERE id = 7",
            ..CASE
        },
    ]
}

fn databases(case: &Case) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE good (id int PRIMARY KEY, note text); INSERT INTO good VALUES (1, 'a');
         CREATE TABLE bad (id int PRIMARY KEY, note text); INSERT INTO bad VALUES (1, 'a')",
    );
    databases.at_source(case.before);
    databases.at_destination(case.before_at_destination);
    let mut pipeline = databases.pipeline();
    case.set.iter().for_each(|(key, value)| pipeline.set(key, value()));
    (databases, pipeline)
}

fn good(databases: &Databases) -> Vec<String> {
    databases.at_destination("SELECT id FROM good ORDER BY id")
}

fn assert_parked(case: &Case, ended: &Ended) {
    let said = [ended.stderr.as_str(), &ended.stdout].concat();
    assert_eq!(ended.status.code(), Some(3), "{}: {said}", case.name);
    let words = ["bad: parked since", "--full-resync=public.bad"];
    for words in case.said.iter().chain(&words) {
        assert!(said.contains(words), "{}: no {words:?} in {said}", case.name);
    }
}

#[test]
fn a_table_that_fails_is_parked_and_comes_back_whole() {
    for case in cases().into_iter().chain(cases_of_rows()) {
        let name = case.name;
        let (databases, mut pipeline) = databases(&case);
        if let Some(then) = case.then {
            let ended = pipeline.catch_up();
            assert!(ended.status.success(), "{name}: {}", ended.stderr);
            databases.at_source(then);
            databases.at_destination(case.then_at_destination);
        }
        databases.at_source("INSERT INTO good VALUES (2, 'b')");
        let ended = pipeline.catch_up();
        assert_parked(&case, &ended);
        assert_eq!(ended.stderr.matches("table parked").count(), 1, "{name}: {}", ended.stderr);
        assert_eq!(good(&databases), ["1", "2"], "{name}");
        // It stays parked, and what happens to it is passed over.
        databases.at_source("INSERT INTO good VALUES (3, 'c'); UPDATE good SET note = 'd'");
        let ended = pipeline.catch_up();
        assert_parked(&case, &ended);
        assert!(!ended.stderr.contains("table parked"), "{name}: told once: {}", ended.stderr);
        assert_eq!(good(&databases), ["1", "2", "3"], "{name}");

        databases.at_source(case.mend);
        databases.at_destination(case.mend_at_destination);
        case.mend_set.iter().for_each(|(key, value)| pipeline.set(key, value()));
        let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=bad"]);
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert_eq!(databases.difference(), None, "{name}");
        databases.at_source("DELETE FROM good WHERE id = 2; DELETE FROM bad WHERE id = 1");
        assert!(pipeline.catch_up().status.success(), "{name}");
        assert_eq!(databases.difference(), None, "{name}");
    }
}

#[test]
fn the_operator_may_have_the_schema_stop_instead() {
    for case in cases().into_iter().chain(cases_of_rows()) {
        let name = case.name;
        let (databases, mut pipeline) = databases(&case);
        pipeline.set("schemas.0.on_table_failure", json!("stop"));
        if let Some(then) = case.then {
            assert!(pipeline.catch_up().status.success(), "{name}");
            databases.at_source(then);
            databases.at_destination(case.then_at_destination);
        }
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(1), "{name}: {}", ended.stderr);
        assert!(!ended.stderr.contains("table parked"), "{name}: {}", ended.stderr);
        // The same for the only table that there is: to stop costs no new copy.
        pipeline.set("schemas.0.on_table_failure", json!("park"));
        pipeline.set("schemas.0.table_whitelist", json!(["bad"]));
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(1), "{name}: {}", ended.stderr);
    }
}

#[test]
fn a_running_pipeline_tells_which_tables_are_parked() {
    let case = Case { set: &[("schema_evolution", || json!({"strategy": "strict"}))], ..CASE };
    let (databases, pipeline) = databases(&case);
    let mut running = pipeline.start();
    running.wait_for("following changes");
    assert!(running.get("/health").contains("\"status\":\"ok\""));
    databases.at_source("ALTER TABLE bad ADD more int; INSERT INTO bad VALUES (7, 'g', 7)");
    running.wait_for("table parked");
    databases.at_source("INSERT INTO good VALUES (2, 'b')");
    wait_until("the other table goes on", || good(&databases) == ["1", "2"]);
    let health = running.get("/health");
    for words in
        ["200 OK", "\"status\":\"degraded\"", "\"bad\":{\"code\":\"schema-change-unapproved\""]
    {
        assert!(health.contains(words), "no {words:?} in {health}");
    }
    let metrics = running.get("/metrics");
    for words in [
        "cartridge_warp_tables_parked{database=\"\",schema=\"public\",table=\"\"} 1",
        "cartridge_warp_sync_status{database=\"\",schema=\"public\",table=\"bad\"} -1",
    ] {
        assert!(metrics.contains(words), "no {words:?} in {metrics}");
    }
    running.signal(15);
    let ended = running.wait(std::time::Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    let ended = pipeline.run(&["run", "--until-caught-up", "--output", "json"]);
    let report: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(report["parked"]["bad"]["code"], "schema-change-unapproved", "{report}");
}

#[test]
fn a_new_table_that_cannot_be_followed_is_parked() {
    let (databases, mut pipeline) = databases(&CASE);
    pipeline.set("source.options", json!({"table_check_seconds": 1}));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    databases.at_destination("CREATE TABLE fresh (id bytea PRIMARY KEY)");
    databases.at_source(
        "CREATE TABLE fresh (id int PRIMARY KEY, note text); INSERT INTO fresh VALUES (1, 'a');
         INSERT INTO good VALUES (2, 'b')",
    );
    running.wait_for("table parked");
    databases.at_source("INSERT INTO good VALUES (3, 'c')");
    wait_until("the others go on", || good(&databases) == ["1", "2", "3"]);
    drop(running);
    databases.at_destination("DROP TABLE fresh");
    let ended = pipeline.run(&["resume", "--take-over", "fresh"]);
    assert!(ended.stdout.contains("pending (was parked)"), "{}{}", ended.stdout, ended.stderr);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
}

/// Its table is made and nothing of it was read when the run is killed.
#[test]
fn a_table_that_was_only_made_may_become_anything() {
    for change in [
        "ALTER TABLE bad DROP CONSTRAINT bad_pkey, ADD PRIMARY KEY (id, note)",
        "ALTER TABLE bad ALTER id TYPE text",
        "ALTER TABLE bad DROP CONSTRAINT bad_pkey, DROP id, ADD k uuid PRIMARY KEY DEFAULT gen_random_uuid()",
    ] {
        let (databases, mut pipeline) = databases(&CASE);
        pipeline.set("schema_evolution", json!({"strategy": "strict"}));
        // The tables are made in order, and this one has to wait.
        let mut other = databases.session_at_destination();
        other.write("BEGIN; CREATE TABLE good (id int);");
        wait_until("the name is taken", || {
            let open = "SELECT count(*) FROM pg_stat_activity
                        WHERE state = 'idle in transaction' AND backend_xid IS NOT NULL";
            databases.at_destination(open) == ["1"]
        });
        let running = pipeline.start();
        wait_until("it is made", || {
            databases.at_destination("SELECT to_regclass('bad') IS NOT NULL") == ["t"]
        });
        wait_until("it is remembered", || {
            let marker = "SELECT count(*) FROM cartridge_warp_metadata.sync_markers
                          WHERE stream = 'shape/bad'";
            databases.at_destination(marker) == ["1"]
        });
        running.kill();
        other.write("ROLLBACK;");
        databases.at_source(change);
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{change}: {}", ended.stderr);
        assert_eq!(databases.difference(), None, "{change}");
    }
}

/// Appends rows to `good`, and to `bad` with one among them that is none.
fn trade(pipeline: &Pipeline, rows: std::ops::Range<u64>, malformed: bool) {
    let lines: String = rows.map(|id| format!("{{\"id\":{id},\"note\":\"row {id}\"}}\n")).collect();
    pipeline.append("good.ndjson", &lines);
    let cut = if malformed { "{\"id\":\n" } else { "" };
    pipeline.append("bad.ndjson", &format!("{cut}{lines}"));
}

#[test]
fn killed_at_any_moment_it_parks_the_same_table_and_loses_nothing() {
    let mut random = fastrand::Rng::with_seed(0x9A4C);
    for round in 0..5 {
        let mut pipeline = Pipeline::new();
        pipeline.set("error_handling.dead_letter_queue", json!(false));
        // Rows that are written twice show.
        pipeline.set("schemas.0.tables", json!([{"name": "good", "write_mode": "append"}]));
        std::fs::create_dir_all(pipeline.path("data/shop")).unwrap();
        trade(&pipeline, 0..500, false);
        let mut written = 500;
        // In half of the rounds the first copy meets the row, in the others the stream does.
        if round % 2 == 0 {
            assert!(pipeline.catch_up().status.success());
        }
        trade(&pipeline, written..written + 100, true);
        written += 100;
        for _ in 0..6 {
            let mut running = pipeline.start();
            running.wait_for("serving metrics");
            std::thread::sleep(std::time::Duration::from_millis(random.u64(0..250)));
            running.kill();
            trade(&pipeline, written..written + 50, false);
            written += 50;
        }
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(3), "round {round}: {}", ended.stderr);
        assert_eq!(sqlite_count(&pipeline.database(), "good"), written, "round {round}");
        let lines: String =
            (0..written).map(|id| format!("{{\"id\":{id},\"note\":\"row {id}\"}}\n")).collect();
        pipeline.write("bad.ndjson", &lines);
        let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=bad"]);
        assert!(ended.status.success(), "round {round}: {}", ended.stderr);
        for table in ["good", "bad"] {
            assert_eq!(sqlite_count(&pipeline.database(), table), written, "{round}: {table}");
        }
    }
}

#[test]
fn a_log_stops_the_schema_unless_the_operator_lets_it_be_parked() {
    let mut pipeline = Pipeline::new();
    pipeline.set("error_handling.dead_letter_queue", json!(false));
    pipeline.set("schemas.0.tables", json!([{"name": "bad", "write_mode": "append"}]));
    std::fs::create_dir_all(pipeline.path("data/shop")).unwrap();
    trade(&pipeline, 0..10, false);
    assert!(pipeline.catch_up().status.success());
    trade(&pipeline, 10..20, true);
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    pipeline.set("schemas.0.on_table_failure", json!("park-all"));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert_eq!(sqlite_count(&pipeline.database(), "good"), 20);
    assert_eq!(sqlite_count(&pipeline.database(), "bad"), 10, "a log keeps what it has");
}

#[test]
fn a_lost_position_does_not_bring_a_parked_table_back() {
    // It would fail again, each time.
    let mut pipeline = Pipeline::scripted(json!({"faults": [
        {"call": "get-full-snapshot", "at": 0, "action": "config"},
        {"call": "get-changes", "at": 3, "action": "resync"},
    ]}));
    pipeline.set("schemas.0.on_lost_position", json!("resync"));
    pipeline.set("schemas.0.default_max_parallel_streams", json!(1));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("table parked").count(), 1, "{}", ended.stderr);
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync"]);
    assert!(ended.status.success(), "all tables come back: {}", ended.stderr);
}
