//! Orders to a pipeline that runs: the commands reach it, and it goes on.

use std::{
    io::{Read, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream,
    },
    path::Path,
    time::{Duration, Instant},
};

use cartridge_warp_tests::{Databases, Ended, Pipeline, Running, Session, patience::wait_until};
use serde_json::{Value, json};

/// Two tables with rows, on real servers.
fn two_tables() -> (Databases, Pipeline) {
    let databases = Databases::start();
    for table in ["items", "orders"] {
        databases.at_source(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, note text); \
             INSERT INTO {table} SELECT i, 'first' FROM generate_series(1, 100) i"
        ));
    }
    let mut pipeline = databases.pipeline();
    pipeline.set("control", json!({"socket": "./control.socket"}));
    (databases, pipeline)
}

fn following(pipeline: &Pipeline) -> Running {
    let mut running = pipeline.start();
    running.wait_for("following changes");
    running.wait_for("taking orders");
    running
}

fn said(ended: &Ended, code: i32, words: &[&str]) {
    let said = [ended.stdout.as_str(), &ended.stderr].concat();
    assert_eq!(ended.status.code(), Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

/// However long the work is that comes before any row: here one call of it that does not come back.
#[test]
fn a_copy_that_is_planned_is_ended_at_once() {
    let hangs = json!([{"call": "plan-snapshot", "at": 0, "times": 1, "action": "hang"}]);
    let mut pipeline = Pipeline::scripted(
        json!({"tables": 2, "keys": 5, "past": 50, "changes": 0, "faults": hangs}),
    );
    pipeline.set("control", json!({"socket": "./control.socket"}));
    let mut running = pipeline.start();
    running.wait_for("taking orders");
    wait_until("it is planned", || pipeline.calls("state", "plan-snapshot") > 0);
    let asked = Instant::now();
    said(&human(&pipeline, &["pause", "t1"]), 0, &["t1: paused"]);
    assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());
    running.wait_for("following changes");
    assert_eq!(state(&pipeline, "t0"), "streaming");
}

#[test]
fn a_run_that_looks_at_its_tables_ends_at_once() {
    let hangs = json!([{"call": "get-schema", "at": 0, "times": 1, "action": "hang"}]);
    let pipeline = Pipeline::scripted(
        json!({"tables": 2, "keys": 5, "past": 50, "changes": 0, "faults": hangs}),
    );
    let mut running = pipeline.start();
    running.wait_for("taking orders");
    wait_until("it looks", || pipeline.calls("state", "get-schema") > 0);
    let asked = Instant::now();
    running.signal(15);
    let ended = running.wait(Duration::from_secs(120));
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());
}

fn human(pipeline: &Pipeline, arguments: &[&str]) -> Ended {
    pipeline.run(&[&["--output", "human"], arguments].concat())
}

/// What `status` says of the only schema.
fn status(pipeline: &Pipeline) -> Value {
    let ended = pipeline.run(&["--output", "json", "status"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn state(pipeline: &Pipeline, table: &str) -> String {
    status(pipeline)["tables"][table]["state"].as_str().unwrap_or_default().to_owned()
}

fn count(databases: &Databases, table: &str) -> u64 {
    databases.at_destination(&format!("SELECT count(*) FROM {table}"))[0].parse().unwrap()
}

/// The answer to a request, head and body.
fn exchange(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    // A server that refuses may close while it is written to.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn a_table_is_paused_and_comes_back_while_another_goes_on() {
    let (databases, pipeline) = two_tables();
    let running = following(&pipeline);
    let writer = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            for id in 101..=160 {
                for table in ["items", "orders"] {
                    databases.at_source(&format!("INSERT INTO {table} VALUES ({id}, 'more')"));
                }
                let begun = Instant::now();
                let has = format!("SELECT count(*) FROM items WHERE id = {id}");
                wait_until("the other table goes on", || databases.at_destination(&has) == ["1"]);
                slowest = slowest.max(begun.elapsed());
            }
            slowest
        });
        let paused = human(&pipeline, &["pause", "orders"]);
        said(&paused, 0, &["public.orders: paused (was streaming) in the running pipeline"]);
        assert_eq!(state(&pipeline, "orders"), "paused");
        // The commit under way when it was paused is in, and no other comes.
        let before = count(&databases, "orders");
        wait_until("the other table moves", || count(&databases, "items") > before + 3);
        assert_eq!(count(&databases, "orders"), before, "it is passed over");
        said(&human(&pipeline, &["pause", "orders"]), 0, &["(was paused)"]);
        said(&human(&pipeline, &["resume", "orders"]), 0, &["again (was paused): the running"]);
        said(&human(&pipeline, &["resync", "public.orders"]), 0, &["the running pipeline copies"]);
        load.join().unwrap()
    });
    // Each order ends an attempt and begins another, with connections of its own.
    assert!(writer < Duration::from_secs(20), "{writer:?}");
    wait_until("both are equal", || databases.difference().is_none());
    wait_until("it follows again", || state(&pipeline, "orders") == "streaming");
    said(&human(&pipeline, &["resume", "orders"]), 1, &["neither parked nor paused"]);
    said(&human(&pipeline, &["pause", "absent"]), 1, &["no table `absent`"]);
    running.signal(15);
    let ended = running.wait(Duration::from_secs(60));
    said(&ended, 0, &[]);
    assert!(!pipeline.path("control.socket").exists(), "it takes its socket away");
}

#[test]
fn status_of_a_run_shows_what_only_the_run_knows() {
    let (databases, pipeline) = two_tables();
    let mut running = following(&pipeline);
    databases.at_source("INSERT INTO items VALUES (101, 'more')");
    wait_until("it is committed", || count(&databases, "items") == 101);
    let seen = status(&pipeline);
    assert_eq!(seen["running"]["process"], running.id());
    assert_eq!((&seen["schema"], &seen["state"]), (&json!("public"), &json!("streaming")));
    assert_eq!(seen["rows"], 201, "{seen}");
    assert_eq!(seen["tables"]["items"]["rows"], 101);
    assert!(seen["tables"]["items"]["lag_seconds"].as_f64().unwrap() < 30.0, "{seen}");
    let lines = human(&pipeline, &["status"]);
    let process = format!("process {} runs it since", running.id());
    let source = "postgresql (source)";
    said(&lines, 0, &[&process, "public: streaming", "items: streaming", "101 rows", source]);
    let password = databases.source_url();
    assert!(!lines.stdout.contains(&password), "{}", lines.stdout);
    // After a look of the source's administrator.
    let has_log = || status(&pipeline)["source_log"]["words"].is_string();
    wait_until("the source says where it is", has_log);
    running.wait_for("taking orders");
    running.kill();
    let seen = status(&pipeline);
    assert_eq!((&seen["running"], &seen["held"]), (&json!(false), &json!(true)), "{seen}");
}

#[test]
fn an_order_holds_although_the_run_is_killed_right_after_it() {
    let (databases, pipeline) = two_tables();
    for round in 0..3 {
        let running = following(&pipeline);
        said(&human(&pipeline, &["pause", "orders"]), 0, &["in the running pipeline"]);
        running.kill();
        // What it left behind is no run: the state is read from the destination.
        assert!(pipeline.path("control.socket").exists());
        assert_eq!(state(&pipeline, "orders"), "paused", "round {round}");
        databases.at_source(&format!("INSERT INTO orders VALUES ({}, 'm')", 1000 + round));
        let running = following(&pipeline);
        said(&human(&pipeline, &["resume"]), 0, &["public.orders: again"]);
        running.kill();
        assert_ne!(state(&pipeline, "orders"), "paused", "round {round}");
        assert!(pipeline.catch_up().status.success());
        assert_eq!(databases.difference(), None, "round {round}");
    }
}

#[test]
fn an_order_is_carried_out_while_the_schema_waits_to_try_again() {
    let (mut databases, mut pipeline) = two_tables();
    assert!(pipeline.catch_up().status.success());
    pipeline.set("error_handling.max_backoff_seconds", json!(300));
    pipeline.set("error_handling.backoff_factor", json!(300));
    let running = following(&pipeline);
    databases.source.stop();
    // The second pause is of minutes.
    wait_until("it waits", || status(&pipeline)["attempt"] == 2);
    let begun = Instant::now();
    said(&human(&pipeline, &["pause", "orders"]), 0, &["paused"]);
    assert!(begun.elapsed() < Duration::from_secs(60), "nobody waits for the backoff");
    assert_eq!(state(&pipeline, "orders"), "paused");
    let seen = status(&pipeline);
    assert!(seen["error"].is_string() && seen["state"] == "retrying", "{seen}");
    running.kill();
}

/// A session whose lock keeps a commit waiting until it is closed.
fn commit_that_waits(databases: &Databases) -> Session {
    let mut locked = databases.session_at_destination();
    locked.write("BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE;");
    let locks = |granted: &str| {
        databases.at_destination(&format!(
            "SELECT count(*) FROM pg_locks WHERE {granted} AND relation = 'items'::regclass \
             AND mode <> 'AccessShareLock'"
        ))
    };
    wait_until("it is locked", || locks("granted") == ["1"]);
    databases.at_source("INSERT INTO items VALUES (101, 'more')");
    wait_until("a commit waits", || locks("NOT granted") != ["0"]);
    locked
}

#[test]
fn whoever_drains_twice_does_not_end_the_run_at_once() {
    let (databases, pipeline) = two_tables();
    let running = following(&pipeline);
    let locked = commit_that_waits(&databases);
    for _ in 0..3 {
        said(&human(&pipeline, &["drain"]), 0, &["the run is ending"]);
    }
    locked.close();
    let ended = running.wait(Duration::from_secs(60));
    said(&ended, 0, &["stopping: finishing the batch in flight"]);
    assert_eq!(count(&databases, "items"), 101, "what was read is committed");
}

#[test]
fn an_order_before_the_first_claim_is_not_kept_out_by_a_run_that_was_killed() {
    let (mut databases, pipeline) = two_tables();
    following(&pipeline).kill();
    databases.source.stop();
    assert_eq!(status(&pipeline)["held"], true);
    let running = pipeline.start();
    wait_until("it tries in vain", || status(&pipeline)["state"] == "retrying");
    said(&human(&pipeline, &["pause", "orders"]), 0, &["in the running pipeline"]);
    running.kill();
    assert_eq!(state(&pipeline, "orders"), "paused");
}

#[test]
fn a_reload_loses_no_order() {
    let (databases, mut pipeline) = two_tables();
    let mut running = following(&pipeline);
    // The commit under way keeps the order waiting until the run that heard it has ended.
    let locked = commit_that_waits(&databases);
    pipeline.set("schemas.0.default_batch_size", json!(499));
    pipeline.write_config();
    std::thread::scope(|scope| {
        let order = scope.spawn(|| human(&pipeline, &["pause", "orders"]));
        std::thread::sleep(Duration::from_secs(1));
        assert!(!order.is_finished(), "it waits for the commit");
        running.signal(1);
        running.wait_for("configuration read again");
        locked.close();
        said(&order.join().unwrap(), 0, &["public.orders: paused (was streaming) in the running"]);
    });
    assert_eq!(state(&pipeline, "orders"), "paused");
    for round in 0..4 {
        pipeline.set("schemas.0.default_batch_size", json!(500 + round));
        pipeline.write_config();
        running.signal(1);
        let verb = if round % 2 == 0 { "pause" } else { "resync" };
        said(&human(&pipeline, &[verb, "orders"]), 0, &["public.orders: "]);
    }
    said(&human(&pipeline, &["resync", "orders"]), 0, &[]);
    databases.at_source("INSERT INTO orders VALUES (101, 'more')");
    wait_until("both are equal", || databases.difference().is_none());
}

#[test]
fn the_socket_is_for_its_user_and_for_one_run_at_a_time() {
    let (databases, pipeline) = two_tables();
    let running = following(&pipeline);
    let socket = pipeline.path("control.socket");
    let found = std::fs::symlink_metadata(&socket).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    // Another run takes the schema over, says whose the socket is, and has it in the end.
    let mut second = pipeline.start();
    second.wait_for(&format!("belongs to process {}", running.id()));
    // It hears of it when it writes.
    let mut ids = 101..;
    wait_until("the first is fenced", || {
        databases.at_source(&format!("INSERT INTO items VALUES ({}, 'm')", ids.next().unwrap()));
        running.stderr().contains("fenced")
    });
    said(&running.wait(Duration::from_secs(120)), 5, &["fenced"]);
    second.wait_for("taking orders");
    assert_eq!(status(&pipeline)["running"]["process"], second.id());
    // What is no socket stays.
    second.kill();
    std::fs::remove_file(&socket).unwrap();
    std::fs::write(&socket, "mine").unwrap();
    let refused = pipeline.start().wait(Duration::from_secs(120));
    said(&refused, 2, &["control-socket", "is no socket"]);
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "mine");
}

#[test]
fn what_is_no_order_is_refused_and_costs_the_run_nothing() {
    let (databases, pipeline) = two_tables();
    let _running = following(&pipeline);
    let socket = pipeline.path("control.socket");
    let post = |body: &str| {
        let length = body.len();
        let head = "POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length:";
        exchange(&socket, &format!("{head} {length}\r\n\r\n{body}"))
    };
    let cases = [
        ("{}", "400 ", "missing field `order`"),
        ("{\"order\": \"erase\", \"tables\": [\"items\"]}", "400 ", "unknown variant `erase`"),
        ("{\"order\": \"pause\", \"all\": true}", "400 ", "unknown field `all`"),
        ("{\"order\": \"pause\"}", "400 ", "names no tables"),
        ("{\"order\": \"pause\", \"tables\": [\"nowhere\"]}", "409 ", "no table `nowhere`"),
    ];
    for (body, code, words) in cases {
        let answer = post(body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{body}: {answer}");
        assert!(answer.contains(words), "{body}: {answer}");
    }
    // A port that is forwarded to the socket is no way for pages.
    for page in ["Origin: http://localhost:8081", "Sec-Fetch-Site: same-origin"] {
        let request = format!("GET /v1/status HTTP/1.1\r\nHost: localhost:8081\r\n{page}\r\n\r\n");
        let answer = exchange(&socket, &request);
        assert!(answer.contains("403 ") && answer.contains("control-origin"), "{page}: {answer}");
    }
    let huge = format!("{{\"order\": \"pause\", \"tables\": [\"{}\"]}}", "x".repeat(1 << 20));
    let answer = post(&huge);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    // Those who say nothing give way.
    let silent: Vec<UnixStream> = (0..100).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    said(&human(&pipeline, &["pause", "orders"]), 0, &["paused"]);
    drop(silent);
    databases.at_source("INSERT INTO items VALUES (101, 'more')");
    wait_until("the run goes on", || count(&databases, "items") == 101);
}

#[test]
fn what_changes_is_told_as_it_changes() {
    let (databases, pipeline) = two_tables();
    let running = following(&pipeline);
    let listening = Running::start(pipeline.command(&["--output", "json", "events"]));
    let told = |listening: &Running, table: &str, state: &str| {
        listening.stdout().lines().any(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            event["table"] == table && event["state"] == state && event["schema"] == "public"
        })
    };
    // Whoever listens hears what comes from then on.
    wait_until("somebody listens", || {
        said(&human(&pipeline, &["pause", "orders"]), 0, &[]);
        said(&human(&pipeline, &["resume", "orders"]), 0, &[]);
        told(&listening, "orders", "paused")
    });
    wait_until("the copy is told", || told(&listening, "orders", "copying"));
    wait_until("its end is told", || told(&listening, "orders", "streaming"));
    databases.at_source("DROP TABLE items");
    wait_until("what the source dropped is told", || {
        databases.at_source("INSERT INTO orders SELECT max(id) + 1, 'more' FROM orders");
        told(&listening, "items", "gone") || told(&listening, "items", "parked")
    });
    said(&human(&pipeline, &["drain"]), 0, &["the run is ending"]);
    said(&running.wait(Duration::from_secs(60)), 0, &["stopping: finishing the batch in flight"]);
    let ended = listening.wait(Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.stdout.contains("\"state\":\"stopped\""), "{}", ended.stdout);
    said(&human(&pipeline, &["events"]), 1, &["no-run", "control.socket"]);
    said(&human(&pipeline, &["status", "--watch"]), 1, &["no-run"]);
}

#[test]
fn a_run_reads_its_configuration_again_and_says_what_counts() {
    let (databases, mut pipeline) = two_tables();
    let running = following(&pipeline);
    pipeline.set("schemas.0.table_blacklist", json!(["orders"]));
    pipeline.set("control.socket", json!("./control.socket"));
    pipeline.set("destination.metadata_schema", json!("elsewhere"));
    let reloaded = human(&pipeline, &["reload"]);
    let words = [
        "schemas.0.table_blacklist: counts from now on",
        "destination.metadata_schema: counts from the next start on",
        "all schemas begin again with it",
    ];
    said(&reloaded, 0, &words);
    wait_until("it does", || status(&pipeline)["tables"]["orders"].is_null());
    databases.at_source("INSERT INTO items VALUES (101, 'more')");
    wait_until("it follows", || count(&databases, "items") == 101);
    let attempts = || running.stderr().matches("following changes").count();
    wait_until("all that it said is here", || attempts() == 2);
    said(&human(&pipeline, &["log-level", "error"]), 0, &[]);
    pipeline.set("destination.metadata_schema", json!("cartridge_warp_metadata"));
    said(&human(&pipeline, &["pause", "items"]), 0, &["paused"]);
    wait_until("the attempt after it", || status(&pipeline)["state"] == "streaming");
    assert_eq!(attempts(), 2, "only errors are logged");
    // A file that cannot be read changes nothing, and who asked hears why.
    pipeline.set("schemas.0.on_table_failure", json!("perhaps"));
    pipeline.write_config();
    let socket = pipeline.path("control.socket");
    let request = "POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    let answer = exchange(&socket, request);
    assert!(answer.starts_with("HTTP/1.1 422 ") && answer.contains("perhaps"), "{answer}");
    wait_until("the log says so, too", || running.stderr().contains("it goes on as it was"));
}

/// Both keep their sockets in the same state directory.
#[test]
fn pipelines_of_one_name_with_other_destinations_each_answer_for_themselves() {
    let of_one_name = || {
        let mut pipeline = Pipeline::new();
        pipeline.set("name", json!("one name for two"));
        pipeline.write("orders.ndjson", "{\"id\":1}\n");
        pipeline
    };
    let (one, other) = (of_one_name(), of_one_name());
    for (pipeline, running) in &[(&one, following(&one)), (&other, following(&other))] {
        assert_eq!(status(pipeline)["running"]["process"], json!(running.id()));
    }
}
