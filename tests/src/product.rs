//! The binary under test and the processes that are made of it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How long a command that ends by itself may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where `make build` left the binary and the components.
#[derive(Clone, Debug)]
pub struct Product {
    pub binary: PathBuf,
    pub plugins: PathBuf,
    /// Components that only tests use.
    pub test_plugins: PathBuf,
}

/// A finished process.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// What a person reads on stderr, whatever the width of the screen.
    pub fn words(&self) -> String {
        let text = self.stderr.replace(['│', '├', '╰', '─', '▶'], " ");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A process that is under way. Dropping it kills it.
pub struct Running {
    child: Child,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Product {
    /// The product that `make test` built.
    ///
    /// # Panics
    /// When it was not built: a missing part is a failure, never a skipped test.
    pub fn find() -> Self {
        let path = |variable: &str, built: &str| {
            let path = std::env::var_os(variable).map_or_else(
                || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").join(built),
                PathBuf::from,
            );
            assert!(path.exists(), "{} is missing: run `make build` first", path.display());
            path
        };
        Self {
            binary: path("CARTRIDGE_WARP_TEST_BINARY", "release/cartridge-warp"),
            plugins: path("CARTRIDGE_WARP_TEST_PLUGINS", "plugins"),
            test_plugins: path("CARTRIDGE_WARP_TEST_ONLY_PLUGINS", "test-plugins"),
        }
    }

    /// The tool with the plugin directory set and nothing else of this process's environment that
    /// could change its configuration.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.env("CARTRIDGE_WARP_PLUGIN_DIR", &self.plugins).stdin(Stdio::null());
        command
    }

    /// Runs the tool to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = self.command();
        command.args(arguments);
        Running::start(command).wait(PATIENCE)
    }
}

impl Running {
    /// Starts a process with its output gathered.
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let readers = vec![
            gather(child.stdout.take().expect("piped"), Arc::clone(&stdout)),
            gather(child.stderr.take().expect("piped"), Arc::clone(&stderr)),
        ];
        Self { child, stdout, stderr, readers }
    }

    /// What it has said on stderr so far.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// What it has said on stdout so far.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// Waits until stderr holds this text.
    ///
    /// # Panics
    /// When the process ends or the patience does before.
    pub fn wait_for(&mut self, wanted: &str) {
        let start = Instant::now();
        while !self.stderr().contains(wanted) {
            let ended = self.child.try_wait().expect("it can be waited for");
            assert!(ended.is_none(), "it ended before {wanted:?}:\n{}", self.stderr());
            assert!(start.elapsed() < PATIENCE, "no {wanted:?} in:\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Where it serves metrics and health, as its log says.
    pub fn monitoring_address(&self) -> String {
        let log = self.stderr();
        let address = log.split("\"address\":\"").nth(1).and_then(|rest| rest.split('"').next());
        address.expect("the log has the address").to_owned()
    }

    /// What it answers to a GET of this path, head included.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.monitoring_address()).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .expect("it can be asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its number.
    pub fn signal(&self, signal: i32) {
        let process = rustix::process::Pid::from_child(&self.child);
        let signal = rustix::process::Signal::from_named_raw(signal).expect("a known signal");
        rustix::process::kill_process(process, signal).expect("the process is there");
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub fn kill(mut self) -> Ended {
        self.child.kill().expect("it can be killed");
        self.wait(PATIENCE)
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn wait(mut self, patience: Duration) -> Ended {
        let start = Instant::now();
        let status = loop {
            match self.child.try_wait().expect("it can be waited for") {
                Some(status) => break status,
                None if start.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                None => panic!("it did not end in {patience:?}:\n{}", self.stderr()),
            }
        };
        for reader in self.readers.drain(..) {
            reader.join().expect("its output is read");
        }
        Ended { status, stdout: text(&self.stdout), stderr: text(&self.stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn gather(pipe: impl std::io::Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n') {
            let Ok(line) = line else { return };
            let mut text = into.lock().unwrap_or_else(PoisonError::into_inner);
            text.push_str(&String::from_utf8_lossy(&line));
            text.push('\n');
        }
    })
}

fn text(shared: &Mutex<String>) -> String {
    shared.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
