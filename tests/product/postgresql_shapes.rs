//! What happens to a table's columns and types while nobody reads, while somebody does, and during
//! the first copy: the destination holds the same afterwards, or the run says what has to be done.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use cartridge_warp_tests::{Databases, Pipeline, Running};
use serde_json::json;

/// How long the destination may take to hold the same as the source.
const PATIENCE: Duration = Duration::from_secs(90);

/// What is done to a table `t`, written with that name.
struct Form {
    name: &'static str,
    /// Types that the table needs, `t_` in front of their names.
    types: &'static str,
    /// The columns beside `id`.
    columns: &'static str,
    /// Values of the row `n`.
    values: &'static str,
    change: &'static str,
}

const fn form(
    name: &'static str,
    columns: &'static str,
    values: &'static str,
    change: &'static str,
) -> Form {
    Form { name, types: "", columns, values, change }
}

const FORMS: [Form; 27] = [
    form("rename", "a text, b text", "'a' || n, 'b' || n", "ALTER TABLE t RENAME a TO aa"),
    form("rename_key", "a text", "'a' || n", "ALTER TABLE t RENAME id TO key"),
    form(
        "exchange",
        "a text, b text",
        "'a' || n, 'b' || n",
        "ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME x TO b",
    ),
    form(
        "chain",
        "a text, b text",
        "'a' || n, 'b' || n",
        "ALTER TABLE t RENAME b TO c; ALTER TABLE t RENAME a TO b",
    ),
    form("drop_add", "a int, b text", "n, 'b'", "ALTER TABLE t DROP a; ALTER TABLE t ADD a int"),
    form(
        "drop_rename",
        "a text, b text",
        "'a' || n, 'b' || n",
        "ALTER TABLE t DROP a; ALTER TABLE t RENAME b TO a",
    ),
    form(
        "add_fill_drop_rename",
        "a text",
        "'1' || n",
        "ALTER TABLE t ADD n int; UPDATE t SET n = a::int; ALTER TABLE t DROP a; \
         ALTER TABLE t RENAME n TO a",
    ),
    form(
        "drop_expression",
        "a int, g int GENERATED ALWAYS AS (a * 2) STORED",
        "n",
        "ALTER TABLE t ALTER g DROP EXPRESSION",
    ),
    form("numeric", "a numeric(10,3)", "n / 8.0", "ALTER TABLE t ALTER a TYPE numeric(10,1)"),
    form(
        "time",
        "a time(6)",
        "time '10:00' + n * interval '1.234567 s'",
        "ALTER TABLE t ALTER a TYPE time(1)",
    ),
    form(
        "timestamp",
        "a timestamp(6)",
        "timestamp '2024-01-01' + n * interval '1.234567 s'",
        "ALTER TABLE t ALTER a TYPE timestamp(0)",
    ),
    form(
        "interval",
        "a interval(6)",
        "n * interval '1.234567 s'",
        "ALTER TABLE t ALTER a TYPE interval(0)",
    ),
    form(
        "jsonb",
        "a json",
        "('{\"b\": ' || n || ',  \"a\": 1, \"b\": 2}')::json",
        "ALTER TABLE t ALTER a TYPE jsonb",
    ),
    form(
        "length",
        "a bytea",
        "repeat('x', n)::bytea",
        "ALTER TABLE t ALTER a TYPE int USING length(a)",
    ),
    form("narrower", "a bigint", "n", "ALTER TABLE t ALTER a TYPE smallint USING (a % 3)"),
    form(
        "shorter",
        "a varchar(20)",
        "'note ' || n",
        "ALTER TABLE t ALTER a TYPE varchar(3) USING left(a, 3)",
    ),
    form("same_type", "a text", "'note ' || n", "ALTER TABLE t ALTER a TYPE text USING upper(a)"),
    form(
        "same_name",
        "a text, b int",
        "'note ' || n, n",
        "ALTER TABLE t ALTER b TYPE int USING -b, ALTER a SET NOT NULL",
    ),
    form("character", "a text", "'note ' || n", "ALTER TABLE t ALTER a TYPE char(20)"),
    form(
        "zone",
        "a timestamp",
        "timestamp '2024-01-01' + n * interval '1 h'",
        "ALTER TABLE t ALTER a TYPE timestamptz USING a AT TIME ZONE 'Asia/Tokyo'",
    ),
    form("unsigned", "a int", "-n", "ALTER TABLE t ALTER a TYPE oid"),
    form("network", "a cidr", "'10.0.0.0/32'", "ALTER TABLE t ALTER a TYPE inet"),
    Form {
        types: "CREATE TYPE t_mood AS ENUM ('good', 'bad')",
        ..form(
            "label",
            "a t_mood",
            "(CASE n % 2 WHEN 0 THEN 'good' ELSE 'bad' END)::t_mood",
            "ALTER TYPE t_mood RENAME VALUE 'bad' TO 'awful'",
        )
    },
    Form {
        types: "CREATE TYPE t_mood AS ENUM ('good', 'bad')",
        ..form(
            "labels",
            "a t_mood[]",
            "ARRAY['good', 'bad']::t_mood[]",
            "ALTER TYPE t_mood RENAME VALUE 'bad' TO 'awful'",
        )
    },
    Form {
        types: "CREATE TYPE t_pair AS (x int, y int)",
        ..form(
            "composite",
            "a t_pair",
            "row(n, -n)::t_pair",
            "ALTER TYPE t_pair ADD ATTRIBUTE z text",
        )
    },
    Form {
        types: "CREATE TYPE t_mood AS ENUM ('good', 'bad'); CREATE DOMAIN t_moods AS t_mood[]",
        ..form(
            "domain",
            "a t_moods",
            "ARRAY['good', 'bad']::t_moods",
            "ALTER TYPE t_mood RENAME VALUE 'bad' TO 'awful'",
        )
    },
    Form {
        types: "CREATE TYPE t_mood AS ENUM ('good', 'bad')",
        ..form(
            "made_anew",
            "a t_mood",
            "'bad'::t_mood",
            "ALTER TABLE t ALTER a TYPE text; DROP TYPE t_mood; \
             CREATE TYPE t_mood AS ENUM ('good', 'worse'); \
             ALTER TABLE t ALTER a TYPE t_mood USING CASE a WHEN 'bad' THEN 'worse' ELSE a END::t_mood",
        )
    },
];

impl Form {
    /// SQL with the form's own names.
    fn of(&self, sql: &str) -> String {
        let table = format!("t_{}", self.name);
        sql.replace("TABLE t ", &format!("TABLE {table} "))
            .replace("UPDATE t ", &format!("UPDATE {table} "))
            .replace("t_mood", &format!("{table}_mood"))
            .replace("t_pair", &format!("{table}_pair"))
    }

    fn make(&self, rows: u32) -> String {
        let Self { name, types, columns, values, .. } = self;
        let made = format!(
            "{types}; CREATE TABLE t_{name} (id int PRIMARY KEY, {columns}); \
             INSERT INTO t_{name} SELECT n, {values} FROM generate_series(1, {rows}) n"
        );
        self.of(&made)
    }
}

/// A pipeline that lets every change of shape through.
fn pipeline(databases: &Databases) -> Pipeline {
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
    pipeline.set("schema_evolution.strategy", json!("permissive"));
    pipeline.set("schema_evolution.require_approval_for_risky_changes", json!(false));
    pipeline.set("source.options", json!({"table_check_seconds": 1}));
    pipeline
}

fn wait_until_equal(databases: &Databases, running: &mut Running, what: &str) {
    let start = Instant::now();
    while let Some(difference) = databases.difference() {
        assert!(start.elapsed() < PATIENCE, "{what}: {difference}\n{}", running.stderr());
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn each_form_of_alter_table_arrives_that_came_while_nobody_read() {
    let databases = Databases::start();
    FORMS.iter().for_each(|form| drop(databases.at_source(&form.make(50))));
    let pipeline = pipeline(&databases);
    assert!(pipeline.catch_up().status.success());
    FORMS.iter().for_each(|form| drop(databases.at_source(&form.of(form.change))));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let differences: Vec<_> = databases.differences();
    assert!(differences.is_empty(), "{differences:#?}");
    // What was learned is remembered: nothing is copied twice.
    let ended = pipeline.catch_up();
    assert!(!ended.stderr.contains("copying the table again"), "{}", ended.stderr);
}

#[test]
fn each_form_of_alter_table_arrives_that_comes_while_somebody_reads() {
    let databases = Databases::start();
    FORMS.iter().for_each(|form| drop(databases.at_source(&form.make(50))));
    let pipeline = pipeline(&databases);
    assert!(pipeline.catch_up().status.success());
    let mut running = pipeline.start();
    running.wait_for("following changes");
    for form in &FORMS {
        databases.at_source(&form.of(form.change));
    }
    wait_until_equal(&databases, &mut running, "after the changes");
    running.signal(15);
    assert!(running.wait(PATIENCE).status.success());
}

/// Names of forms whose tables are large in the test below.
const DURING_COPY: [&str; 8] = [
    "rename",
    "exchange",
    "drop_add",
    "drop_expression",
    "narrower",
    "same_type",
    "label",
    "composite",
];

#[test]
fn forms_of_alter_table_arrive_that_come_during_the_first_copy() {
    let forms = || FORMS.iter().filter(|form| DURING_COPY.contains(&form.name));
    for is_killed in [true, false] {
        let databases = Databases::start();
        forms().for_each(|form| drop(databases.at_source(&form.make(20_000))));
        let mut pipeline = pipeline(&databases);
        let small =
            |form: &Form| json!({"name": format!("t_{}", form.name), "full_load_batch_size": 500});
        pipeline.set("schemas.0.tables", forms().map(small).collect());
        let mut running = pipeline.start();
        running.wait_for("serving metrics");
        let copied = "SELECT count(*) > 0 FROM t_composite";
        let start = Instant::now();
        while databases.try_at_destination(copied).is_none_or(|rows| rows != ["t"]) {
            assert!(start.elapsed() < PATIENCE, "nothing is copied:\n{}", running.stderr());
            sleep(Duration::from_millis(2));
        }
        if is_killed {
            running.kill();
            forms().for_each(|form| drop(databases.at_source(&form.of(form.change))));
            let ended = pipeline.catch_up();
            assert!(ended.status.success(), "{}", ended.stderr);
            let differences = databases.differences();
            assert!(differences.is_empty(), "{differences:#?}");
        } else {
            forms().for_each(|form| drop(databases.at_source(&form.of(form.change))));
            wait_until_equal(&databases, &mut running, "during the copy");
            running.kill();
        }
    }
}
