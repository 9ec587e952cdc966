//! A server of its own: a fresh data directory, a free port, one node that is its own replica set.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use cartridge_warp_test_keeper::{Keeper, free_port};

use crate::client::{Client, Refusal};
use crate::login;
use crate::program::Program;
use crate::tls::{Authority, Identity, Tls};

/// How long a server may take to start: a killed one replays its log first.
const PATIENCE: Duration = Duration::from_secs(120);
/// A server that has said nothing by then has not started; another one may have taken its port.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
const REPLICA_SET: &str = "rs";
/// What the two servers say in their logs when they listen.
const LISTENING: [&str; 2] = ["listening on 127.0.0.1:", "Waiting for connections"];
/// SecantusDB would acknowledge what only its own memory holds. The system's memory survives a kill
/// of the server, and costs less than a disk; the Python package only knows the disk.
const TO_SYSTEM_AT_COMMIT: &str = "transaction_sync=(enabled=true,method=none)";
/// Where [`Server::forget_history`] writes.
const SCRATCH: &str = "harness_scratch";

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// MiB for data in memory.
    pub cache_mib: u32,
    /// Changes to remember for change streams. `mongod` counts bytes instead, a KiB for each, one
    /// MiB at least.
    pub oplog_entries_max: u64,
    /// Whether only who logs in may do anything. The harness makes itself an administrator, and the
    /// test makes the users that it needs.
    pub authorization: bool,
    /// Whether it talks TLS, and only that.
    pub tls: Tls,
    /// Further arguments, for the program that is known to be there.
    pub arguments: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache_mib: 256,
            oplog_entries_max: 1_000_000,
            authorization: false,
            tls: Tls::Off,
            arguments: Vec::new(),
        }
    }
}

/// A running or stopped server.
pub struct Server {
    program: Program,
    settings: Settings,
    directory: PathBuf,
    port: u16,
    /// Where it talks TLS.
    authority: Option<Authority>,
    keeper: Option<Keeper>,
}

impl Server {
    /// Starts a server and waits until it takes writes.
    ///
    /// # Panics
    /// When there is no server to start, with the command that makes one, or it does not start.
    pub fn start(settings: Settings) -> Self {
        let program = Program::find();
        let directory = tempfile::Builder::new().prefix("mongo-").tempdir().unwrap().keep();
        fs::create_dir(directory.join("data")).unwrap();
        let has_tls = settings.tls != Tls::Off;
        let authority = has_tls.then(|| Authority::new(directory.join("certificates")));
        let port = free_port();
        let mut server = Self { program, settings, directory, port, authority, keeper: None };
        if server.settings.authorization {
            write_key(&server.key());
        }
        server.resume();
        if server.settings.authorization {
            let made = login::create_administrator(&mut server.stranger());
            made.unwrap_or_else(|why| panic!("no administrator: {why}: {}", server.log()));
        }
        server
    }

    /// The connection string of a database.
    pub fn url(&self, database: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{database}?directConnection=true", self.port)
    }

    /// The file that an operator names as `tlsCAFile`.
    ///
    /// # Panics
    /// When the server was started without TLS.
    pub fn ca(&self) -> PathBuf {
        self.authority().ca()
    }

    /// A client of this name; the server knows who issued it and has no such user.
    ///
    /// # Panics
    /// When the server was started without TLS.
    pub fn issue(&self, name: &str) -> Identity {
        self.authority().issue(name)
    }

    fn authority(&self) -> &Authority {
        self.authority.as_ref().expect("the server was started without TLS")
    }

    /// Where the server listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's folder: `data` is the data directory, `log` its log.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether it is MongoDB's own server.
    pub fn is_mongod(&self) -> bool {
        matches!(self.program, Program::Mongod(_))
    }

    /// A connection, logged in as an administrator where the server wants a login.
    ///
    /// # Panics
    /// When the server does not listen.
    pub fn client(&self) -> Client {
        let mut client = self.stranger();
        if self.settings.authorization {
            login::log_in(&mut client).unwrap_or_else(|why| panic!("{why}: {}", self.log()));
        }
        client
    }

    /// A connection that is not logged in.
    fn stranger(&self) -> Client {
        self.connect().unwrap_or_else(|why| panic!("{why}: {}", self.log()))
    }

    fn connect(&self) -> Result<Client, Refusal> {
        Client::connect_by(self.port, self.authority.as_ref().map(Authority::connection))
    }

    /// What members of a replica set know each other by.
    fn key(&self) -> PathBuf {
        self.directory.join("key")
    }

    /// Runs a command on a connection of its own.
    ///
    /// # Panics
    /// With the server's words when it refuses.
    pub fn run(&self, database: &str, command: Document) -> Document {
        let words = format!("{command}");
        self.client().run(database, command).unwrap_or_else(|why| panic!("{words}: {why}"))
    }

    /// Inserts documents.
    ///
    /// # Panics
    /// With the server's words when it refuses.
    pub fn insert(&self, database: &str, collection: &str, documents: &[Document]) {
        self.client().insert(database, collection, documents).unwrap_or_else(|why| panic!("{why}"));
    }

    /// All documents of a collection that match.
    ///
    /// # Panics
    /// With the server's words when it refuses.
    pub fn find(&self, database: &str, collection: &str, filter: Document) -> Vec<Document> {
        let found = self.client().find(database, collection, filter);
        found.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Writes elsewhere until the server has forgotten every change up to now.
    ///
    /// # Panics
    /// When it does not forget: start it with a small [`Settings::oplog_entries_max`].
    pub fn forget_history(&self) {
        let mut client = self.client();
        let mut oldest = || {
            let command = doc! {"find": "oplog.rs", "sort": {"$natural": 1}, "limit": 1};
            let answer = client.run("local", command).unwrap_or_else(|why| panic!("{why}"));
            let batch = answer.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
            batch
                .first()
                .and_then(Bson::as_document)
                .and_then(|entry| entry.get_timestamp("ts").ok())
        };
        let now = self.now();
        let documents: Vec<Document> =
            (0..1000).map(|_| doc! {"filler": "x".repeat(1024)}).collect();
        let deadline = Instant::now() + PATIENCE;
        while oldest().is_none_or(|oldest| oldest <= now) {
            assert!(Instant::now() < deadline, "the server remembers more than a test can write");
            self.insert(SCRATCH, "filler", &documents);
        }
        self.run(SCRATCH, doc! {"dropDatabase": 1});
    }

    /// The server's time of its last change.
    fn now(&self) -> bson::Timestamp {
        let answer = self.run("admin", doc! {"hello": 1});
        answer.get_timestamp("operationTime").unwrap()
    }

    /// Stops the server in an orderly way; clients are cut off.
    pub fn stop(&mut self) {
        self.end("TERM");
    }

    /// Kills the server: what it had acknowledged is in its log, nothing else is certain.
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    /// Starts a server that was stopped or killed, on the same port and data.
    ///
    /// # Panics
    /// When it does not start.
    pub fn resume(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let before = self.log().len();
            self.keeper = Some(Keeper::start(&self.command(), &self.directory, "KILL", None));
            if self.wait_until_ready(before) {
                return;
            }
            assert!(Instant::now() < deadline, "the server does not start: {}", self.log());
            self.end("KILL");
        }
    }

    /// Stops and starts the server.
    pub fn restart(&mut self) {
        self.stop();
        self.resume();
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        let log = fs::read(self.directory.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    fn command(&self) -> Command {
        let Settings { cache_mib, oplog_entries_max, authorization, tls, arguments } =
            &self.settings;
        let (data, port) = (self.directory.join("data"), self.port.to_string());
        let mut command;
        match &self.program {
            Program::Mongod(program) => {
                command = Command::new(program);
                command.args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--port", &port]);
                command.args(["--replSet", REPLICA_SET, "--dbpath"]).arg(data);
                let cache_gb = f64::from(*cache_mib) / 1024.0;
                command.arg("--wiredTigerCacheSizeGB").arg(cache_gb.to_string());
                command.arg("--oplogSize").arg((oplog_entries_max / 1024).max(1).to_string());
                if *authorization {
                    command.arg("--keyFile").arg(self.key());
                }
                if let Some(authority) = &self.authority {
                    command.args(["--tlsMode", "requireTLS", "--tlsCertificateKeyFile"]);
                    command.arg(authority.server()).arg("--tlsCAFile").arg(authority.ca());
                    let may = *tls == Tls::OfServer;
                    command.args(may.then_some("--tlsAllowConnectionsWithoutCertificates"));
                }
            }
            Program::Secantus(program) | Program::SecantusInPython(program) => {
                command = Command::new(program);
                command.args(["--host", "127.0.0.1", "--port", &port, "--storage-path"]).arg(data);
                command.arg("--cache-size").arg(format!("{cache_mib}M"));
                command.arg("--oplog-max-entries").arg(oplog_entries_max.to_string());
                // As mongod does by itself, so that quiet change streams have newer tokens.
                command.args(["--noop-heartbeat-seconds", "1"]);
                command.args(authorization.then_some("--auth"));
                if let Some(authority) = &self.authority {
                    command.arg("--tls-cert-file").arg(authority.server());
                    command.arg("--tls-key-file").arg(authority.server());
                    command.arg("--tls-ca-file").arg(authority.ca());
                    command.args((*tls == Tls::OfBoth).then_some("--tls-require-client-cert"));
                }
                match self.program {
                    Program::SecantusInPython(_) => command.arg("--sync-on-commit"),
                    _ => command.env("SECANTUS_WT_CONFIG_EXTRA", TO_SYSTEM_AT_COMMIT),
                };
            }
        }
        command.args(arguments);
        command
    }

    /// The log tells that it is this server that listens, not another one on the same port.
    fn wait_until_ready(&self, before: usize) -> bool {
        let start = Instant::now();
        while start.elapsed() < SILENCE_MAX {
            let log = self.log();
            let new = log.get(before..).unwrap_or_default();
            if LISTENING.iter().any(|words| new.contains(words)) {
                return self.wait_until_primary(start);
            }
            sleep(PAUSE);
        }
        false
    }

    fn wait_until_primary(&self, start: Instant) -> bool {
        while start.elapsed() < PATIENCE {
            if let Ok(mut client) = self.connect() {
                let hello = client.run("admin", doc! {"hello": 1}).unwrap_or_default();
                if matches!(hello.get_bool("isWritablePrimary"), Ok(true)) {
                    return true;
                }
                if self.is_mongod() && !hello.contains_key("setName") {
                    let member = doc! {"_id": 0, "host": format!("127.0.0.1:{}", self.port)};
                    let set = doc! {"_id": REPLICA_SET, "members": [member]};
                    // A server that was initiated before says so, and becomes primary soon.
                    let _ = client.run("admin", doc! {"replSetInitiate": set});
                }
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

/// A replica set of MongoDB wants a key that only its owner can read before it wants logins.
fn write_key(path: &Path) {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(b"the+key+of+a+set+with+one+member").unwrap();
}

impl Drop for Server {
    fn drop(&mut self) {
        match self.keeper.take() {
            Some(keeper) => drop(keeper),
            None => drop(fs::remove_dir_all(&self.directory)),
        }
    }
}
