//! A server process that never outlives the test that started it, even if the test is killed: a
//! shell between the two ends the server and removes its folder as soon as its own standard input
//! ends.
//!
//! What the server is and when it is ready is its harness's business.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::OsStr;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits for a signal's name on its input and passes it on; without one, the test is gone, and so
/// is everything it left.
const SCRIPT: &str = r#"
    last=$1; directory=$2; shift 2
    "$@" </dev/null >>"$directory/log" 2>&1 & server=$!
    read -r signal
    kill -s "${signal:-$last}" $server; wait $server
    [ -n "$signal" ] || rm -rf "$directory"
"#;

/// The one who holds a server.
pub struct Keeper(Option<Child>);

impl Keeper {
    /// Starts a server, as this user and group if it must be another one: its output is appended to
    /// the file `log` in its folder, and when the test is gone, the server hears the last signal and
    /// the folder is removed.
    pub fn start(
        server: &Command,
        directory: &Path,
        last_signal: &str,
        account: Option<(u32, u32)>,
    ) -> Self {
        let mut shell = Command::new("/bin/sh");
        if let Some((user, group)) = account {
            shell.uid(user).gid(group);
        }
        shell.args(["-c", SCRIPT, "keeper", last_signal]).arg(directory);
        shell.arg(server.get_program()).args(server.get_args());
        for (name, value) in server.get_envs() {
            shell.env(name, value.unwrap_or_else(|| OsStr::new("")));
        }
        // A group of its own, so that Ctrl-C reaches the test first.
        shell.process_group(0).current_dir("/");
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(Some(shell.spawn().expect("a shell starts")))
    }

    /// Sends the server a signal by its name, such as `KILL`, and waits for its end. The folder stays.
    pub fn end(mut self, signal: &str) {
        let mut shell = self.0.take().expect("it is there until its end");
        writeln!(shell.stdin.as_mut().expect("piped"), "{signal}").expect("the shell listens");
        shell.wait().expect("the shell ends");
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let Some(mut shell) = self.0.take() else { return };
        drop(shell.stdin.take());
        let _ = shell.wait();
    }
}

/// A port of 127.0.0.1 that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
