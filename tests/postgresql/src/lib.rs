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
//! A server lives as long as its [`Cluster`] and never longer than the process that started it, even
//! if that is killed: a shell between the two stops it as soon as its standard input ends.
//! Everything here panics when it does not work, as a test should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod account;
mod binaries;

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use account::Account;

/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);
/// A server that has not written its file by then has not started.
const GONE_AFTER_POLLS: u32 = 250;
/// The name of the superuser; there is no password.
pub const SUPERUSER: &str = "postgres";

/// Waits for a signal's name on its input and passes it on; without one, the test is gone, and so
/// is everything it left.
const KEEPER: &str = r#"
    directory=$1; shift
    "$@" </dev/null >>"$directory/log" 2>&1 & server=$!
    read -r signal
    kill -s "${signal:-QUIT}" $server; wait $server
    [ -n "$signal" ] || rm -rf "$directory"
"#;

/// A server of its own.
pub struct Cluster {
    directory: PathBuf,
    binaries: PathBuf,
    account: Option<Account>,
    port: u16,
    settings: Vec<(String, String)>,
    keeper: Option<Child>,
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
        self.end("KILL");
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
        let mut keeper = command(self.account.as_ref(), Path::new("/bin/sh"));
        keeper.args(["-c", KEEPER, "keeper"]).arg(&self.directory);
        keeper.arg(self.binaries.join("postgres")).arg("-D").arg(self.directory.join("data"));
        let own = [
            ("port", self.port.to_string()),
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("unix_socket_directories", String::new()),
            ("fsync", "off".to_owned()),
            ("full_page_writes", "off".to_owned()),
            ("max_connections", "100".to_owned()),
        ];
        for (key, value) in own {
            keeper.arg("-c").arg(format!("{key}={value}"));
        }
        for (key, value) in &self.settings {
            keeper.arg("-c").arg(format!("{key}={value}"));
        }
        // A group of its own, so that Ctrl-C reaches the test first.
        keeper.process_group(0).current_dir("/");
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.keeper = Some(keeper.spawn().unwrap());
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
        let Some(mut keeper) = self.keeper.take() else { return };
        writeln!(keeper.stdin.as_mut().unwrap(), "{signal}").unwrap();
        keeper.wait().unwrap();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        match self.keeper.take() {
            Some(keeper) => end_of(keeper),
            None => drop(fs::remove_dir_all(&self.directory)),
        }
    }
}

/// Ends a keeper by closing its input, and waits for it.
fn end_of(mut keeper: Child) {
    drop(keeper.stdin.take());
    let _ = keeper.wait();
}

fn command(account: Option<&Account>, program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
