//! Somebody who writes all day.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{JoinHandle, sleep, spawn},
    time::Duration,
};

use fastrand::Rng;

use super::{TABLES, server::Server, steps};

/// Between two transactions.
const BEAT: Duration = Duration::from_millis(100);
/// Tables that a transaction touches.
const TOUCHED: usize = 5;

/// Writes until it is stopped; where the server is away it tries again.
pub struct Writer {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Writer {
    pub fn start(source: Server) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = spawn(move || {
            let mut rng = Rng::new();
            while !is_over.load(Ordering::Relaxed) {
                // A server that is away has it another time.
                source.ask(&transaction(&mut rng));
                sleep(BEAT);
            }
        });
        Self { over, thread }
    }

    pub fn stop(self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

/// A pulse, rows of the tables that have their own step, and anything in some of the others.
fn transaction(rng: &mut Rng) -> String {
    let mut sql = "BEGIN; INSERT INTO pulse DEFAULT VALUES;".to_owned();
    for table in steps::OWN_STEP {
        // None of them loses a row, and each has this column whatever becomes of it.
        sql += &format!("INSERT INTO {table} (n) VALUES ({});", rng.u32(..1000));
    }
    for _ in 0..TOUCHED {
        let table = format!("t{:02}", rng.usize(steps::OWN_STEP.len() + 1..TABLES));
        let (row, n) = (rng.u32(1..300), rng.u32(..1000));
        sql += &match rng.u8(..3) {
            0 => format!("INSERT INTO {table} (note, n) VALUES ('new', {n});"),
            1 => format!("UPDATE {table} SET n = {n}, note = note || '.' WHERE id = {row};"),
            _ => format!("DELETE FROM {table} WHERE id = {row};"),
        };
    }
    sql + "COMMIT;"
}
