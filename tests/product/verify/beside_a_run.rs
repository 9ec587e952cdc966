//! Beside a run that goes on, with somebody who writes all the time.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use cartridge_warp_tests::{Databases, Pipeline, Running};

use super::{counts, drift_of, verified};

const ROUNDS: usize = 3;

/// Changes rows, removes some and has them come back, a thousand in a transaction at times.
fn write(databases: &Databases, stop: &AtomicBool) {
    let mut session = databases.session_at_source();
    let mut step = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        step += 1;
        let id = step * 7919 % 20_000 + 1;
        session.write(&format!(
            "UPDATE words SET w = 'v{step}' WHERE id = {id};
             DELETE FROM words WHERE id = {id} + 3 AND {step} % 3 = 0;
             INSERT INTO words VALUES ({id} + 3, 'i{step}', 0) ON CONFLICT (id) DO UPDATE SET n = words.n + 1;
             UPDATE words SET id = 40000 + {step} WHERE id = {id} + 5 AND {step} % 11 = 0;"
        ));
        if step.is_multiple_of(50) {
            session.write(&format!(
                "UPDATE words SET w = 'm{step}' WHERE id BETWEEN {id} AND {id} + 1000;"
            ));
        }
        // More than a run on a busy machine keeps up with is another matter: it would be late for ever.
        thread::sleep(Duration::from_millis(3));
    }
}

#[test]
fn a_writer_who_never_rests_is_no_drift_and_hides_none() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE words (id bigint PRIMARY KEY, w text, n int);
         INSERT INTO words SELECT i, 'w' || i, 0 FROM generate_series(1, 20000) AS i;
         INSERT INTO words SELECT i, 'still', 0 FROM generate_series(30001, 30003) AS i",
    );
    let pipeline = databases.pipeline();
    let mut running = pipeline.start();
    running.wait_for("following changes");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| write(&databases, &stop));
        for round in 0..ROUNDS {
            let came = verified(&pipeline, 0, &["--wait", "120"]);
            assert_eq!(counts(&came), [0; 5], "round {round}: {came}");
        }
        databases.at_destination(
            "UPDATE words SET w = 'x' WHERE id = 30001; DELETE FROM words WHERE id = 30002;
             INSERT INTO words VALUES (30004, 'x', 0)",
        );
        let came = verified(&pipeline, 6, &["--wait", "120"]);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(counts(&came), [1, 1, 1, 0, 0], "{came}");
        assert_eq!(drift_of(&came, 30_001).as_deref(), Some("different w"), "{came}");
    });
    // Nobody writes: the source says so in its log, and a position comes past the look-up all the same.
    let came = verified(&pipeline, 6, &[]);
    assert_eq!(counts(&came), [1, 1, 1, 0, 0], "{came}");
}

/// Signals to a run.
const STOP: i32 = 19;
const GO_ON: i32 = 18;

/// A run that follows a table of a hundred words.
fn followed() -> (Databases, Pipeline, Running) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE words (id bigint PRIMARY KEY, w text);
         INSERT INTO words SELECT i, 'w' || i FROM generate_series(1, 100) AS i",
    );
    let pipeline = databases.pipeline();
    let mut running = pipeline.start();
    running.wait_for("following changes");
    (databases, pipeline, running)
}

#[test]
fn a_row_that_is_refused_while_it_is_looked_at_is_no_drift() {
    let (databases, pipeline, running) = followed();
    databases.at_destination("ALTER TABLE words ADD CHECK (w <> 'refused')");
    running.signal(STOP);
    databases.at_source("UPDATE words SET w = 'refused' WHERE id = 2");
    let came = thread::scope(|scope| {
        let verify = scope.spawn(|| verified(&pipeline, 0, &["--wait", "120"]));
        // It has looked at the letters by then: there are none.
        thread::sleep(Duration::from_secs(10));
        running.signal(GO_ON);
        verify.join().unwrap()
    });
    assert_eq!((counts(&came), &came["dead_letters"]), ([0; 5], &1.into()), "{came}");
}

#[test]
fn a_run_that_is_late_is_no_drift() {
    let (databases, pipeline, running) = followed();
    running.signal(STOP);
    databases.at_source(
        "INSERT INTO words VALUES (101, 'new'); DELETE FROM words WHERE id = 1;
         UPDATE words SET w = 'new' WHERE id = 2",
    );
    let came = verified(&pipeline, 1, &["--wait", "4"]);
    assert_eq!(counts(&came), [0, 0, 0, 0, 3], "{came}");
    let why = came["why_undecided"].as_str().unwrap();
    assert!(why.contains("committed no position past the look-up"), "{came}");
    running.signal(GO_ON);
    let came = verified(&pipeline, 0, &[]);
    assert_eq!(counts(&came), [0; 5], "{came}");
}
