//! The open database and its transactions.
//!
//! Every write runs between `BEGIN IMMEDIATE` and `COMMIT`; a failure in between rolls all of it
//! back. The rollback journal is truncated and synced at commit, so a commit that returned is on the
//! disk, and a killed one is rolled back by whoever opens the file next.

use std::thread::sleep;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::Failure;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::Options;
use crate::failure;
use crate::lock::Lock;
use crate::place::Place;

/// How long a call waits for another writer; the host's own retries come after that.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// Distinct statements kept prepared: about five per table.
const STATEMENTS_MAX: usize = 256;

/// What work in a transaction gets.
#[derive(Clone, Copy)]
pub(crate) struct Transaction<'a> {
    pub(crate) connection: &'a Connection,
    lock: &'a Lock,
}

impl Transaction<'_> {
    /// Called now and then by long work, so that no other runner takes the writer for dead.
    pub(crate) fn keep_alive(&self) {
        self.lock.touch();
    }
}

/// An open database file.
pub(crate) struct Database {
    connection: Connection,
    lock: Lock,
    place: Place,
}

impl Database {
    /// Opens the file and makes it if it is not there.
    pub(crate) fn create(place: &Place, options: &Options) -> Result<Self, Failure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Self::open_with(place, options, flags)
    }

    /// Opens the file that is there.
    pub(crate) fn open(place: &Place, options: &Options) -> Result<Self, Failure> {
        Self::open_with(place, options, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    fn open_with(place: &Place, options: &Options, flags: OpenFlags) -> Result<Self, Failure> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(place.path(), flags).map_err(|e| failure::of(&e))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // Waiting is ours: SQLite's own would never look for a stale lock.
        connection.busy_timeout(Duration::ZERO).map_err(|error| failure::of(&error))?;
        let stale_after = Duration::from_secs(u64::from(options.stale_lock_seconds));
        let lock = Lock::of(place.path(), stale_after, place.exclusive());
        let this = Self { connection, lock, place: place.clone() };
        let settings = format!(
            "PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-{}; \
             PRAGMA synchronous={};",
            u64::from(options.cache_mebibytes) * 1024,
            options.synchronous.word(),
        );
        this.patiently(|connection| {
            connection.execute_batch(&settings)?;
            // Reading the header finds out now what is no database.
            connection.query_row("PRAGMA schema_version", [], |row| row.get::<_, i64>(0))?;
            journal_mode(connection, "TRUNCATE")
        })?;
        Ok(this)
    }

    /// Runs `work` in a transaction: all of it, or nothing.
    pub(crate) fn transaction<T>(
        &self,
        work: impl FnOnce(Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.check_present()?;
        self.patiently(|connection| connection.execute_batch("BEGIN IMMEDIATE"))?;
        let transaction = Transaction { connection: &self.connection, lock: &self.lock };
        let result = work(transaction).and_then(|value| {
            self.lock.touch();
            self.patiently(|connection| connection.execute_batch("COMMIT"))?;
            Ok(value)
        });
        if result.is_err() && !self.connection.is_autocommit() {
            // Should this fail too, the journal stays and the next open rolls back.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        result
    }

    /// Runs a query outside a transaction; waits for writers.
    pub(crate) fn read<T>(
        &self,
        work: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        self.patiently(work)
    }

    /// Proves that the file can be written to, and changes nothing.
    pub(crate) fn probe(&self) -> Result<(), Failure> {
        // In this mode no empty journal stays behind.
        self.patiently(|connection| journal_mode(connection, "DELETE"))?;
        let probed = self
            .patiently(|connection| connection.execute_batch("BEGIN IMMEDIATE"))
            .and_then(|()| {
                let probe = "CREATE TABLE \"_cartridge_warp_probe\"(x)";
                let probed = self.connection.execute_batch(probe).map_err(|e| failure::of(&e));
                let undone = self.connection.execute_batch("ROLLBACK");
                probed.and(undone.map_err(|e| failure::of(&e)))
            });
        self.patiently(|connection| journal_mode(connection, "TRUNCATE"))?;
        probed
    }

    /// A file that was deleted under us would swallow rows that nobody finds again.
    fn check_present(&self) -> Result<(), Failure> {
        if self.place.exists() {
            return Ok(());
        }
        Err(Failure::stop(
            "database-missing",
            format!(
                "the database file {} was removed while it was in use; put it back, or restart \
                 with --full-resync",
                self.place.configured()
            ),
        ))
    }

    fn patiently<T>(
        &self,
        mut attempt: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let start = Instant::now();
        loop {
            match attempt(&self.connection) {
                Err(error) if is_busy(&error) && start.elapsed() < BUSY_WAIT_MAX => {
                    if !self.lock.break_if_stale() {
                        sleep(BUSY_PAUSE);
                    }
                }
                other => return other.map_err(|error| failure::of(&error)),
            }
        }
    }
}

fn journal_mode(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA journal_mode={mode}"), [], |_| Ok(()))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartridge_warp_sdk::{Action, Config};

    #[test]
    fn a_full_disk_undoes_the_transaction_and_is_worth_a_retry() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("copy.db").to_str().unwrap().to_owned();
        let options = Options::default();
        let config = Config::new(&path, options.clone()).grant("connection_string", &path, true);
        let database = Database::create(&Place::of(&config).unwrap(), &options).unwrap();
        let pages = |count| {
            let sql = format!("PRAGMA max_page_count={count}");
            database.connection.query_row(&sql, [], |_| Ok(())).unwrap();
        };
        let run = |sql: &str| {
            database.transaction(|transaction| {
                transaction.connection.execute_batch(sql).map_err(|error| failure::of(&error))
            })
        };
        run("CREATE TABLE t (x)").unwrap();
        pages(10);
        let fill = "INSERT INTO t VALUES (1); INSERT INTO t VALUES (zeroblob(1000000))";
        let failure = run(fill).unwrap_err();
        assert_eq!((failure.action, failure.code.as_str()), (Action::Retry, "disk-full"));
        let count = || {
            database.read(|c| c.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)))
        };
        assert_eq!(count().unwrap(), 0);
        pages(10_000);
        run(fill).unwrap();
        assert_eq!(count().unwrap(), 2);
    }
}
