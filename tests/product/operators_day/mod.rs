//! A day of an operator: tables lose their rights and their keys, developers make and rename things, rows are refused,
//! rules change, servers go away, while somebody writes all the time. The tables that a step is not about never fall
//! behind, and in the end both sides are equal.
//!
//! The short form is part of the product's tests; `make operators-day` takes half an hour for the same steps.

mod server;
mod steps;
mod watch;
mod writer;

use std::{env, thread::sleep, time::Duration};

use cartridge_warp_tests::{Databases, Ended, Pipeline, Running, patience::wait_until};
use serde_json::{Value, json};

use server::Server;
use steps::STEPS;
use watch::Watch;
use writer::Writer;

/// The tables `t00`, `t01` … that there are in the morning.
const TABLES: usize = 60;
/// Rows of each by then.
const ROWS: usize = 200;
/// How far the other tables may be behind. They are for a second or two; the rest is for machines that do other work.
const LAG_MAX: Duration = Duration::from_secs(20);

/// How long things take.
struct Pace {
    /// Between two steps.
    calm: Duration,
    /// How long a server is away.
    outage: Duration,
}

impl Pace {
    fn of_the_environment() -> Self {
        if env::var_os("CARTRIDGE_WARP_TEST_WHOLE_DAY").is_some() {
            return Self { calm: Duration::from_secs(130), outage: Duration::from_secs(180) };
        }
        Self { calm: Duration::from_millis(300), outage: Duration::from_secs(3) }
    }
}

/// The pipeline, its servers and who looks at it.
struct Day {
    databases: Databases,
    pipeline: Pipeline,
    running: Option<Running>,
    watch: Watch,
    pace: Pace,
}

impl Day {
    /// Tables with rows, a connector's user who owns them, and a run that copied them while somebody wrote.
    fn begin() -> (Self, Writer) {
        let databases = Databases::start();
        databases.at_source(
            "CREATE ROLE shop LOGIN REPLICATION; GRANT CREATE ON DATABASE shop TO shop;
             GRANT CREATE ON SCHEMA public TO shop; SET ROLE shop;
             CREATE TABLE pulse (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());",
        );
        let made: String = (0..TABLES).map(table).collect();
        databases.at_source(&format!("SET ROLE shop; {made}"));
        let mut pipeline = databases.pipeline();
        let url = databases.source_url().replace("//postgres@", "//shop@");
        pipeline.set("source.connection_string", json!(url));
        let writer = Writer::start(Server::of(&databases.source, &databases.source_url()));
        let mut running = pipeline.start();
        running.wait_for("following changes");
        let watch = Watch::start(Server::of(&databases.destination, &databases.destination_url()));
        let mut day = Self {
            databases,
            pipeline,
            running: Some(running),
            watch,
            pace: Pace::of_the_environment(),
        };
        day.wait_for_all();
        (day, writer)
    }

    /// What the running pipeline says of its tables.
    fn tables(&self) -> Value {
        let ended = self.pipeline.run(&["--output", "json", "status"]);
        assert!(ended.status.success(), "{}", ended.stderr);
        let status: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(status["running"]["process"].is_u64(), "a run answers: {status}");
        status["tables"].clone()
    }

    fn wait_for(&self, table: &str, state: &str, code: Option<&str>) {
        wait_until(&format!("{table} is {state}, {code:?}: {}", self.tables()[table]), || {
            let table = &self.tables()[table];
            table["state"] == state && code.is_none_or(|code| table["code"] == code)
        });
    }

    fn wait_for_all(&mut self) {
        wait_until("all tables stream", || {
            let tables = self.tables();
            let tables = tables.as_object().unwrap();
            tables.len() > TABLES && tables.values().all(|table| table["state"] == "streaming")
        });
    }

    /// An order to the running pipeline, or a command beside it, which ends well.
    fn order(&self, words: &[&str]) -> Ended {
        let ended = self.pipeline.run(words);
        assert!(ended.status.success(), "{words:?}: {}{}", ended.stdout, ended.stderr);
        ended
    }

    /// Ends the run in an orderly way, and waits for it.
    fn stop(&mut self) {
        self.order(&["drain"]);
        let ended = self.running.take().unwrap().wait(Duration::from_secs(120));
        assert!([Some(0), Some(4)].contains(&ended.status.code()), "{}", ended.stderr);
    }
}

fn table(n: usize) -> String {
    format!(
        "CREATE TABLE t{n:02} (id bigserial PRIMARY KEY, note text, n numeric(8, 2) NOT NULL DEFAULT 0);
         INSERT INTO t{n:02} (note) SELECT 'note ' || n FROM generate_series(1, {ROWS}) n;"
    )
}

#[test]
fn the_other_tables_never_fall_behind_and_in_the_end_all_are_equal() {
    let (mut day, writer) = Day::begin();
    for (name, step) in STEPS {
        day.watch.during(name);
        step(&mut day);
        day.watch.during("nothing");
        sleep(day.pace.calm);
    }
    day.watch.expect_nothing();
    writer.stop();
    // The operator hid the notes of one table.
    let hidden = |difference: &String| !difference.starts_with(&format!("{}: ", steps::RULES));
    wait_until("both sides are equal", || !day.databases.differences().iter().any(hidden));
    day.order(&["verify"]);
    day.stop();
    let worst = day.watch.stop();
    println!("{worst}");
    assert!(worst.lag < LAG_MAX, "{worst}");
}
