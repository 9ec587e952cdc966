//! A copy that is written over several connections at once is the same as one over one.

use std::{thread::sleep, time::Duration};

use cartridge_warp_tests::{Databases, Ended, Pipeline, Running, wait_until};
use fastrand::Rng;
use serde_json::json;

/// Readers of the table, each with a connection to write over.
const WRITERS: usize = 4;
/// Rows of 2 KB: five chunks of 16 MiB.
const ROWS: u64 = 36_000;
const STREAMING: &str = "following changes";
/// Connections of pipelines to the destination.
const CONNECTIONS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'cartridge-warp' AND datname = current_database()";
/// The same that are within a transaction.
const OPEN: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'cartridge-warp' AND datname = current_database()
        AND xact_start IS NOT NULL AND query !~ 'pg_stat_activity'";

fn count(databases: &Databases, sql: &str) -> usize {
    let rows = databases.try_at_destination(sql).unwrap_or_default();
    rows.first().map_or(0, |count| count.parse().unwrap())
}

/// A table that is worth several writers, and a small one.
fn wide() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(&format!(
        "CREATE TABLE wide (id bigint PRIMARY KEY, share numeric(5,2), body text);
         INSERT INTO wide SELECT n, 1, repeat(md5(n::text), 60) FROM generate_series(1, {ROWS}) n;
         CREATE TABLE small (id int PRIMARY KEY);
         INSERT INTO small SELECT generate_series(1, 100)"
    ));
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_backoff_seconds", json!(0.2));
    pipeline.set("schemas.0.default_max_parallel_streams", json!(WRITERS));
    pipeline.set("schemas.0.tables", json!([{"name": "wide", "full_load_batch_size": 200}]));
    (databases, pipeline)
}

fn assert_equal(databases: &Databases, ended: &Ended) {
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
}

/// Kills while the table is copied: first into an empty destination, then again while its rows stay.
#[test]
fn nothing_is_lost_or_doubled_when_several_writers_are_killed() {
    let (databases, mut pipeline) = wide();
    pipeline.set("schemas.0.limits", json!({"rows_per_second": 12_000}));
    let mut random = Rng::with_seed(0x3717);
    let (mut in_copy, mut copies, mut at_once, mut is_copied) = (0, 1, 0, false);
    for kill in 0..150 {
        let mut arguments = vec!["run"];
        if is_copied {
            // What a copy has missed the next one would mend.
            assert_equal(&databases, &pipeline.catch_up());
            copies += 1;
            arguments.push("--full-resync");
        }
        let mut running = Running::start(pipeline.command(&arguments));
        running.wait_for("serving metrics");
        databases.at_source(&format!(
            "UPDATE wide SET body = 'new {kill}' WHERE id % 997 = {kill};
             UPDATE wide SET id = -id WHERE id % 991 = {kill};
             DELETE FROM wide WHERE id = {kill} * 7"
        ));
        sleep(Duration::from_millis(random.u64(300..1500)));
        at_once = at_once.max(count(&databases, CONNECTIONS));
        let killed = running.kill();
        assert!(killed.status.code().is_none(), "it ended by itself: {}", killed.stderr);
        is_copied = killed.stderr.contains(STREAMING);
        in_copy += usize::from(killed.stderr.contains("copying") && !is_copied);
        if in_copy >= 40 && copies > 1 {
            break;
        }
    }
    pipeline.set("schemas.0.limits", json!({}));
    assert_equal(&databases, &pipeline.catch_up());
    println!("{in_copy} kills in {copies} copies, {at_once} connections");
    assert!(in_copy >= 30, "{in_copy} kills while rows were copied");
    assert_eq!(at_once, WRITERS);
}

/// Whoever is stopped in the middle of several commits writes nothing after another one has begun.
#[test]
fn a_runner_with_several_open_commits_is_fenced_by_the_next() {
    let (databases, mut pipeline) = wide();
    pipeline.set("schemas.0.limits", json!({"rows_per_second": 8000}));
    let mut older = pipeline.start();
    older.wait_for("copying");
    // Each commit writes a marker with its epoch at its end, and takes so long that several are open at once.
    databases.at_destination(
        "CREATE TABLE public.late (epoch bigint);
         CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
             INSERT INTO public.late SELECT new.epoch FROM cartridge_warp_metadata.epochs e
                 WHERE e.schema_name = new.schema_name AND e.epoch <> new.epoch;
             PERFORM pg_sleep(0.1);
             RETURN new; END$$;
         CREATE TRIGGER late AFTER INSERT OR UPDATE ON cartridge_warp_metadata.sync_markers
             FOR EACH ROW EXECUTE FUNCTION public.late()",
    );
    wait_until("several commits are open", || {
        older.signal(19);
        // One that is only late has ended by the last of these.
        let is_open = (0..5).all(|_| {
            sleep(Duration::from_millis(50));
            count(&databases, OPEN) >= 2
        });
        if !is_open {
            older.signal(18);
            sleep(Duration::from_millis(20));
        }
        is_open
    });
    let mut newer = pipeline.start();
    // It waits for the open commits, or else goes on.
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    wait_until("the newer one claims the schema", || {
        count(&databases, waiting) > 0 || newer.stderr().contains("copying")
    });
    older.signal(18);
    let older = older.wait(Duration::from_secs(60));
    assert_eq!(older.status.code(), Some(5), "{}", older.stderr);
    assert!(older.stderr.contains("fenced"), "{}", older.stderr);
    newer.wait_for(STREAMING);
    newer.signal(15);
    let newer = newer.wait(Duration::from_secs(60));
    assert!(newer.status.success(), "{}", newer.stderr);
    assert_eq!(databases.at_destination("SELECT count(*) FROM late"), ["0"]);
    assert_equal(&databases, &pipeline.catch_up());
}

/// What is counted of a schema is counted by all of them together.
#[test]
fn letters_of_several_writers_are_counted_together() {
    let (databases, mut pipeline) = wide();
    // The source cannot send the one, and the destination refuses the other.
    databases.at_source(
        "UPDATE wide SET share = 'NaN' WHERE id % 100 = 0;
         UPDATE wide SET share = 2 WHERE id % 250 = 1; CLUSTER wide USING wide_pkey",
    );
    databases.at_destination(
        "CREATE TABLE wide (id bigint PRIMARY KEY, share numeric(5,2) CHECK (share = 1), body text)",
    );
    pipeline.set("error_handling.dead_letter_queue", json!(true));
    pipeline.set("error_handling.ignore_type_conversion_errors", json!(true));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    let letters = "SELECT error_code, count(*), sum(count) FROM
        cartridge_warp_metadata.dead_letter_queue GROUP BY 1 ORDER BY 1";
    let refused = ROWS / 100;
    let checked = ROWS / 250;
    let expected =
        [format!("constraint|{checked}|{checked}"), format!("type-conversion|{refused}|{refused}")];
    assert_eq!(databases.at_destination(letters), expected);
    let rows = databases.at_destination("SELECT count(*) FROM wide");
    assert_eq!(rows, [(ROWS - refused - checked).to_string()]);
    // None of them was added to what another one had seen, and forgotten.
    let quota = "SELECT convert_from(value, 'UTF8')::jsonb->'dead_letter_bytes' FROM
        cartridge_warp_metadata.sync_markers WHERE stream = 'quota'";
    let counted: u64 = databases.at_destination(quota)[0].parse().unwrap();
    let sizes = "SELECT sum(length(payload) + length(error_message)) FROM
        cartridge_warp_metadata.dead_letter_queue WHERE error_code = 'type-conversion'";
    let least: u64 = databases.at_destination(sizes)[0].parse().unwrap();
    assert!(counted >= least, "{counted} bytes counted of at least {least}");
}

/// A commit of a copy that was given up may come late, and chunks have the same names in the next one.
#[test]
fn what_an_earlier_copy_stored_is_not_taken_for_this_one() {
    let (databases, mut pipeline) = wide();
    assert_equal(&databases, &pipeline.catch_up());
    databases.at_source(
        "UPDATE wide SET body = 'new' WHERE id % 10 = 0; DELETE FROM wide WHERE id % 11 = 0",
    );
    let oid = &databases.at_source("SELECT 'wide'::regclass::oid")[0];
    for begin in ["emptied", "swept"] {
        // Another unique index keeps rows from staying.
        if begin == "emptied" {
            databases.at_destination("CREATE UNIQUE INDEX other ON wide (id, share)");
        } else {
            databases.at_destination("DROP INDEX other");
        }
        databases.at_destination(&format!(
            "INSERT INTO cartridge_warp_metadata.sync_markers (schema_name, stream, value, epoch)
             SELECT 'public', 'chunk/wide/{oid}-' || page,
                 convert_to('{{\"cursor\":null,\"done\":true,\"rows\":1}}', 'UTF8'), 1
             FROM generate_series(0, 20480, 2048) page
             ON CONFLICT (schema_name, stream) DO UPDATE SET value = excluded.value"
        ));
        pipeline.set("schemas.0.limits", json!({"rows_per_second": 2000}));
        let mut running = Running::start(pipeline.command(&["run", "--full-resync=wide"]));
        running.wait_for("\"copying\"");
        running.kill();
        pipeline.set("schemas.0.limits", json!({}));
        let ended = pipeline.catch_up();
        assert_equal(&databases, &ended);
    }
}

/// The order of its rows is that of their numbers, which are one connection's.
#[test]
fn a_log_is_written_over_one_connection() {
    let (databases, mut pipeline) = wide();
    let log = json!({"name": "wide", "write_mode": "append", "full_load_batch_size": 200});
    pipeline.set("schemas.0.tables", json!([log]));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let numbers = "SELECT count(*), count(DISTINCT _cartridge_seq) FROM wide";
    assert_eq!(databases.at_destination(numbers), [format!("{ROWS}|{ROWS}")]);
}

#[test]
fn connections_are_as_many_as_the_operator_lets_in() {
    let (databases, mut pipeline) = wide();
    databases.at_destination("ALTER SYSTEM SET log_connections = on; SELECT pg_reload_conf()");
    let connections = || {
        let log = databases.destination.log();
        log.lines().filter(|line| line.contains("application_name=cartridge-warp")).count()
    };
    let opened = |pipeline: &Pipeline| {
        let before = connections();
        let again = pipeline.run(&["run", "--until-caught-up", "--full-resync"]);
        assert_equal(&databases, &again);
        connections() - before
    };
    // Slow enough that no reader is through before the others are open.
    let limits =
        |writers_max: Option<u32>| json!({"writers_max": writers_max, "rows_per_second": 12_000});
    pipeline.set("schemas.0.limits", limits(Some(1)));
    let one = opened(&pipeline);
    pipeline.set("schemas.0.limits", limits(Some(3)));
    assert_eq!(opened(&pipeline), one + 2);
    pipeline.set("schemas.0.limits", limits(None));
    assert_eq!(opened(&pipeline), one + WRITERS - 1, "each reader has its own");
    pipeline.set("schemas.0.default_max_parallel_streams", json!(null));
    let cores =
        std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 4));
    assert_eq!(opened(&pipeline), one + cores - 1, "as many as the machine's cores can serve");
    databases.at_source("DELETE FROM wide WHERE id > 100");
    databases.at_source("VACUUM FULL wide");
    assert_eq!(opened(&pipeline), one, "a small table is worth no other connection");
}

#[test]
fn a_server_that_lets_few_in_is_written_to_by_few() {
    let (databases, mut pipeline) = wide();
    databases.at_destination(
        "CREATE ROLE keeper LOGIN CONNECTION LIMIT 2; ALTER SCHEMA public OWNER TO keeper;
         GRANT CREATE ON DATABASE shop TO keeper",
    );
    let url = databases.destination_url().replace("postgres@", "keeper@");
    pipeline.set("destination.connection_string", json!(url));
    let ended = pipeline.catch_up();
    assert_equal(&databases, &ended);
    assert!(ended.stderr.contains("lets no further connection in"), "{}", ended.stderr);
}
