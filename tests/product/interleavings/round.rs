//! Some histories, told to one pipeline.

use std::{thread::sleep, time::Duration};

use cartridge_warp_tests::{Databases, Pipeline, Running, wait_until};
use fastrand::Rng;
use serde_json::json;

use super::{Coverage, operations::any, table::Table};

/// Histories that go side by side in one pipeline.
pub const TABLES: usize = 20;
/// Operations of a table in one phase.
const OPERATIONS_A_PHASE: usize = 6;
/// Transactions of more than one operation.
const COMPANY: usize = 4;

/// Orders that a run gets in one phase.
const ORDERS_A_PHASE: usize = 3;
/// What is ordered.
const TAKES_ORDERS: &str = "taking orders";
const ORDERS: &[&str] = &["pause", "resume", "resync"];
/// How long an order, or the end of a run, may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Rows that are copied in a second beside the stream: a copy of all takes some turns.
const SLOW_ROWS_PER_SECOND: u32 = 15;
/// Between two transactions beside copies.
const PAUSE_MAX_MS: u64 = 150;

/// What the pipeline does while operations happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The first copy of all.
    Copying,
    /// Some tables are copied again while the others are followed.
    Beside,
    Following,
    Stopped,
}

/// Some histories in one pipeline.
pub struct Round {
    pub seed: u64,
    random: Rng,
    pub databases: Databases,
    pub pipeline: Pipeline,
    tables: Vec<Table>,
    operations: usize,
    /// What was ordered, and of which table.
    orders: Vec<(&'static str, String)>,
}

impl Round {
    pub fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let databases = Databases::start();
        // Outside of what is copied.
        databases.at_source(
            "CREATE SCHEMA told; CREATE TABLE told.operations (n int, t text, phase text, name text, \
             sql text, refused text)",
        );
        let mut pipeline = databases.pipeline();
        pipeline.set(
            "schema_evolution",
            json!({"strategy": "permissive", "require_approval_for_risky_changes": false}),
        );
        let tables: Vec<Table> = (0..TABLES)
            .map(|number| Table::new(format!("t{number}"), random.u8(0..5) == 0))
            .collect();
        for table in &tables {
            databases.at_source(&table.create(&mut random));
        }
        Self { seed, random, databases, pipeline, tables, operations: 0, orders: Vec::new() }
    }

    /// Goes through phases.
    pub fn tell(&mut self) {
        if self.random.bool() {
            self.operate(Phase::Stopped);
        }
        let mut running = self.pipeline.start();
        running.wait_for(TAKES_ORDERS);
        self.operate(Phase::Copying);
        self.stop(running);
        for _ in 0..2 {
            self.operate(Phase::Stopped);
            let mut running = self.pipeline.start();
            running.wait_for("following changes");
            self.operate(Phase::Following);
            self.stop(running);
        }
        self.operate(Phase::Stopped);
        let running = self.copy_some_again();
        self.operate(Phase::Beside);
        self.stop(running);
        if self.random.bool() {
            self.operate(Phase::Stopped);
        }
    }

    /// Has some tables copied again, so slowly that the others have turns meanwhile, if any streams by now.
    fn copy_some_again(&mut self) -> Running {
        let named: Vec<&str> = self.tables.iter().map(|table| table.name.as_str()).collect();
        let named = named.into_iter().filter(|_| self.random.bool()).collect::<Vec<_>>().join(",");
        self.pipeline.set("schemas.0.limits", json!({"rows_per_second": SLOW_ROWS_PER_SECOND}));
        let running = self.pipeline.command(&["run", &format!("--full-resync={named}")]);
        self.pipeline.set("schemas.0.limits", json!({}));
        let running = Running::start(running);
        wait_until("it has begun", || {
            running.stderr().contains("copying") || running.stderr().contains("following changes")
        });
        running
    }

    /// At once, or in order, wherever it is.
    fn stop(&mut self, running: Running) {
        sleep(Duration::from_millis(self.random.u64(0..400)));
        if self.random.bool() {
            running.kill();
            return;
        }
        running.signal(15);
        let ended = running.wait(PATIENCE);
        assert!(ended.status.success(), "seed {}: {}", self.seed, ended.stderr);
    }

    /// Operations on all tables in turns; each transaction is of one table.
    fn operate(&mut self, phase: Phase) {
        self.look();
        let mut turns: Vec<usize> = Vec::new();
        for at in 0..self.tables.len() {
            turns.extend(vec![at; self.random.usize(0..=OPERATIONS_A_PHASE)]);
        }
        self.random.shuffle(&mut turns);
        let ordered = self.order(phase);
        let mut session = self.databases.session_at_source();
        for at in turns {
            let transaction = self.transaction(at, phase);
            session.write(&transaction);
            if phase == Phase::Beside {
                sleep(Duration::from_millis(self.random.u64(0..=PAUSE_MAX_MS)));
            }
        }
        session.close();
        // Whatever came of it.
        ordered.into_iter().for_each(|order| drop(order.wait(PATIENCE)));
    }

    /// A running pipeline gets orders while operations happen.
    fn order(&mut self, phase: Phase) -> Vec<Running> {
        if phase == Phase::Stopped {
            return Vec::new();
        }
        let count = self.random.usize(0..=ORDERS_A_PHASE);
        let mut order = |_| {
            let what = *self.random.choice(ORDERS).unwrap_or(&ORDERS[0]);
            let table = self.random.choice(&self.tables).map(|table| table.name.clone());
            let table = table.unwrap_or_default();
            let running = Running::start(self.pipeline.command(&[what, &table]));
            self.orders.push((what, table));
            running
        };
        (0..count).map(&mut order).collect()
    }

    /// Whether this was ordered.
    pub fn ordered(&self, what: &str, table: &str) -> bool {
        self.orders.iter().any(|(order, of)| *order == what && of == table)
    }

    /// What was refused, or rolled back, is not as it was believed to be.
    fn look(&mut self) {
        let columns = "SELECT table_name, column_name, format_type(atttypid, atttypmod) \
                       FROM information_schema.columns JOIN pg_attribute \
                       ON attrelid = table_name::regclass AND attname = column_name \
                       WHERE table_schema = 'public' ORDER BY ordinal_position";
        self.tables.iter_mut().for_each(|table| table.columns.clear());
        for line in self.databases.at_source(columns) {
            let mut parts = line.splitn(3, '|').map(str::to_owned);
            let (Some(name), Some(column), Some(kind)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let table = self.tables.iter_mut().find(|table| table.name == name);
            if let Some(table) = table.filter(|_| column != "id" && column != "part") {
                table.columns.push((column, kind));
            }
        }
    }

    fn transaction(&mut self, at: usize, phase: Phase) -> String {
        let count = if self.random.u8(0..3) == 0 { self.random.usize(2..=COMPANY) } else { 1 };
        let operations: Vec<String> = (0..count).map(|_| self.operation(at, phase)).collect();
        match self.random.u8(0..12) {
            0 => format!("BEGIN; {}; ROLLBACK;", operations.join(";\n")),
            _ => format!("BEGIN; {}; COMMIT;", operations.join(";\n")),
        }
    }

    /// An operation that is written down, and that changes nothing where the server refuses it.
    fn operation(&mut self, at: usize, phase: Phase) -> String {
        let operation = any(&mut self.random);
        let sql = operation.sql(&mut self.tables[at], &mut self.random);
        let (table, name) = (&self.tables[at].name, operation.name);
        self.operations += 1;
        let told =
            format!("{}, '{table}', '{phase:?}', '{name}', $sql${sql}$sql$", self.operations);
        format!(
            "DO $do$ BEGIN EXECUTE $sql${sql}$sql$; INSERT INTO told.operations VALUES ({told}, NULL); \
             EXCEPTION WHEN OTHERS THEN INSERT INTO told.operations VALUES ({told}, SQLERRM); END $do$"
        )
    }

    /// Adds what was made and not refused.
    pub fn cover(&self, coverage: &mut Coverage) {
        let sql = "SELECT phase, name FROM told.operations WHERE refused IS NULL";
        for line in self.databases.at_source(sql) {
            let (phase, name) = line.split_once('|').unwrap();
            let phase = match phase {
                "Copying" => Phase::Copying,
                "Beside" => Phase::Beside,
                "Following" => Phase::Following,
                _ => Phase::Stopped,
            };
            *coverage.entry((phase, name.to_owned())).or_default() += 1;
        }
    }
}
