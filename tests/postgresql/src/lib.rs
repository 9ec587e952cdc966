//! Private PostgreSQL servers for tests: a fresh data directory, a free port, no disk syncs.
//!
//! ```no_run
//! use cartridge_warp_test_postgresql::Cluster;
//!
//! let cluster = Cluster::start(&[("wal_level", "logical")]);
//! cluster.sql("postgres", "CREATE TABLE t (id int PRIMARY KEY)");
//! let url = cluster.url("postgres");
//! ```
//!
//! A server lives as long as its [`Cluster`] and never longer than the process that started it.
//! Everything here panics when it does not work, as a test should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod account;
mod binaries;

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use account::Account;
use cartridge_warp_test_keeper::{Keeper, free_port};

/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);
/// A server that has not written its file by then has not started.
const GONE_AFTER_POLLS: u32 = 250;
/// The name of the superuser; there is no password.
pub const SUPERUSER: &str = "postgres";

/// A server of its own.
pub struct Cluster {
    directory: PathBuf,
    binaries: PathBuf,
    account: Option<Account>,
    port: u16,
    settings: Vec<(String, String)>,
    keeper: Option<Keeper>,
}

impl Cluster {
    /// Makes a data directory and starts a server with these settings.
    ///
    /// # Panics
    /// When there is no PostgreSQL, with the command that installs it, or it does not start.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let binaries = binaries::find();
        let account = Account::for_server();
        let directory = tempfile::Builder::new().prefix("pg-").tempdir().unwrap().keep();
        if let Some(account) = &account {
            account.give(&directory);
        }
        let data = directory.join("data");
        let mut initdb = command(account.as_ref(), &binaries.join("initdb"));
        initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        initdb.arg("-U").arg(SUPERUSER).arg("-D").arg(&data).current_dir("/");
        let made = initdb.output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let settings = settings.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        let settings = settings.collect();
        let mut cluster =
            Self { directory, binaries, account, port: free_port(), settings, keeper: None };
        cluster.resume();
        cluster
    }

    /// Starts a standby of this server that keeps its failover slots, which 17 and newer do.
    ///
    /// # Panics
    /// When it cannot be copied, or does not start.
    pub fn standby(&self, database: &str) -> Self {
        const SLOT: &str = "standby";
        let directory = tempfile::Builder::new().prefix("pg-").tempdir().unwrap().keep();
        let account = Account::for_server();
        if let Some(account) = &account {
            account.give(&directory);
        }
        let mut copy = command(account.as_ref(), &self.binaries.join("pg_basebackup"));
        let primary =
            format!("host=127.0.0.1 port={} user={SUPERUSER} dbname={database}", self.port);
        copy.args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--create-slot"]);
        copy.args(["--slot", SLOT, "--dbname", &primary]).current_dir("/");
        let made = copy.arg("-D").arg(directory.join("data")).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let more = [("hot_standby_feedback", "on"), ("sync_replication_slots", "on")];
        let more = more.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        let settings = self.settings.iter().cloned().chain(more).collect();
        let (binaries, port) = (self.binaries.clone(), free_port());
        let mut standby = Self { directory, binaries, account, port, settings, keeper: None };
        standby.resume();
        standby
    }

    /// A connection string for a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{SUPERUSER}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Where the server listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's folder: `data` is the data directory, `log` its log.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A program of the installation, such as `pgbench`, ready to be given arguments.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.env("PGHOST", "127.0.0.1").env("PGPORT", self.port.to_string());
        command.env("PGUSER", SUPERUSER).env("PGCONNECT_TIMEOUT", "10");
        command
    }

    /// Runs SQL and returns the rows as text: columns are separated by `|`, nulls are `null`.
    ///
    /// # Panics
    /// With the server's words when it refuses.
    pub fn sql(&self, database: &str, sql: &str) -> Vec<String> {
        self.try_sql(database, sql).unwrap_or_else(|words| panic!("{sql}: {words}"))
    }

    /// As [`Cluster::sql`], with the server's words where it refuses.
    ///
    /// # Errors
    /// What `psql` wrote to its standard error.
    pub fn try_sql(&self, database: &str, sql: &str) -> Result<Vec<String>, String> {
        let mut psql = self.program("psql");
        psql.args(["-X", "-q", "-A", "-t", "-F", "|", "-P", "null=null"]);
        psql.args(["-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"]);
        psql.env("PGOPTIONS", "-c client_min_messages=warning -c timezone=UTC");
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = psql.spawn().unwrap();
        // Where it ends at a statement in the middle, its own words say why.
        let _ = child.stdin.take().unwrap().write_all(sql.as_bytes());
        let output = child.wait_with_output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
    }

    /// Makes an empty database.
    pub fn create_database(&self, name: &str) {
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\""));
    }

    /// Stops the server in an orderly way; clients are cut off.
    pub fn stop(&mut self) {
        self.end("INT");
    }

    /// Kills the server as a power cut would kill its processes.
    pub fn kill(&mut self) {
        let sessions = self.pid_file().lines().next().map(children).unwrap_or_default();
        self.end("KILL");
        // They would go on for a moment, and may still commit.
        if !sessions.is_empty() {
            let _ = Command::new("kill").arg("-KILL").args(sessions).output();
        }
    }

    /// Starts a server that was stopped or killed, on the same port.
    pub fn resume(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A killed server leaves its file, which the next one replaces.
            let before = self.pid_file();
            self.spawn();
            if self.wait_until_ready(&before, deadline) {
                return;
            }
            // Children of a killed server may hold its memory for a moment.
            assert!(Instant::now() < deadline, "the server does not start: {}", self.log());
            self.end("QUIT");
            sleep(PAUSE);
        }
    }

    /// Stops and starts the server.
    pub fn restart(&mut self) {
        self.stop();
        self.resume();
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn spawn(&mut self) {
        let mut postgres = Command::new(self.binaries.join("postgres"));
        postgres.arg("-D").arg(self.directory.join("data"));
        let own = [
            ("port", self.port.to_string()),
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("unix_socket_directories", String::new()),
            ("fsync", "off".to_owned()),
            ("full_page_writes", "off".to_owned()),
            ("max_connections", "100".to_owned()),
        ];
        for (key, value) in own {
            postgres.arg("-c").arg(format!("{key}={value}"));
        }
        for (key, value) in &self.settings {
            postgres.arg("-c").arg(format!("{key}={value}"));
        }
        let account = self.account.as_ref().map(|account| (account.uid, account.gid));
        self.keeper = Some(Keeper::start(&postgres, &self.directory, "QUIT", account));
    }

    fn pid_file(&self) -> String {
        fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap_or_default()
    }

    fn wait_until_ready(&self, before: &str, deadline: Instant) -> bool {
        let mut polls_without_server = 0;
        while Instant::now() < deadline && polls_without_server < GONE_AFTER_POLLS {
            // The file rather than the port, which another server may have taken meanwhile.
            let text = self.pid_file();
            if text == before || text.is_empty() {
                polls_without_server += 1;
            } else if text.lines().any(|line| line.trim() == "ready") {
                return self.try_sql("postgres", "SELECT 1").is_ok();
            }
            sleep(PAUSE);
        }
        false
    }

    fn end(&mut self, signal: &str) {
        if let Some(keeper) = self.keeper.take() {
            keeper.end(signal);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        match self.keeper.take() {
            Some(keeper) => drop(keeper),
            None => drop(fs::remove_dir_all(&self.directory)),
        }
    }
}

fn command(account: Option<&Account>, program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

/// Processes that this one has started; where there is no `/proc`, none are known.
fn children(parent: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|process| process.file_name().into_string().ok());
    let is_child = |process: &String| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // The name in parentheses may hold anything; the state and the parent follow it.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        fields.split(' ').nth(1) == Some(parent)
    };
    names.filter(is_child).collect()
}
