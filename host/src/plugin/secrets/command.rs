//! Secrets that a program prints, such as the token of a cloud's command line.
//!
//! There is no shell. The program has the host's environment, nothing to read, a deadline, and a
//! process group of its own, which is killed with all that it started.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::unix::pipe::Receiver,
    time::{sleep, timeout},
};

use super::file::{VALUE_BYTES_MAX, accept};
use crate::plugin::text;

/// How long a program may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// What is shown of its complaints.
const COMPLAINT_BYTES_MAX: usize = 1024;
/// How often an ending program is looked at.
const POLL: Duration = Duration::from_millis(10);

/// What the program printed, without line ends behind it. The error says why there is nothing, with
/// the program's own complaints and never with what it printed.
pub(super) async fn run(
    program: &Path,
    arguments: &[String],
    directory: &Path,
    deadline: Duration,
) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(directory).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| format!("can't be started: {error}"))?;
    let mut running = Running(child);
    match timeout(deadline, running.finish()).await {
        Ok(printed) => printed,
        Err(_) => Err(format!("did not end within {deadline:?} and was killed")),
    }
}

/// A program that is killed, with its children, when nobody waits for it any more.
struct Running(Child);

impl Running {
    async fn finish(&mut self) -> Result<String, String> {
        let lost = |error: io::Error| format!("can't be listened to: {error}");
        let stdout = receiver(self.0.stdout.take()).map_err(lost)?;
        let stderr = receiver(self.0.stderr.take()).map_err(lost)?;
        let (printed, complaint) =
            tokio::try_join!(read(stdout, VALUE_BYTES_MAX + 1), read(stderr, COMPLAINT_BYTES_MAX))
                .map_err(lost)?;
        let status = self.status().await.map_err(lost)?;
        if !status.success() {
            let complaint = String::from_utf8_lossy(&complaint);
            let complaint = text::one_line(complaint.trim(), COMPLAINT_BYTES_MAX);
            return Err(format!("failed ({status}): {complaint}"));
        }
        let printed = String::from_utf8(printed).map_err(|_| "prints no text".to_owned())?;
        accept(printed)
    }

    async fn status(&mut self) -> io::Result<ExitStatus> {
        loop {
            match self.0.try_wait()? {
                Some(status) => return Ok(status),
                None => sleep(POLL).await,
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has been waited for is gone, and its number may be somebody else's.
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        if let Some(group) = Pid::from_raw(self.0.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        // A killed process ends at once; else it stays a zombie until this one ends.
        let _ = self.0.wait();
    }
}

fn receiver(pipe: Option<impl Into<OwnedFd>>) -> io::Result<Receiver> {
    let pipe = pipe.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
    Receiver::from_owned_fd(pipe.into())
}

/// Reads to the end and keeps the beginning, so that the writer is never stopped.
async fn read(mut pipe: impl AsyncRead + Unpin, bytes_max: usize) -> io::Result<Vec<u8>> {
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = pipe.read(&mut buffer).await?;
        if count == 0 {
            return Ok(kept);
        }
        let room = bytes_max.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str, deadline: Duration) -> Result<String, String> {
        let arguments = ["-c".to_owned(), script.to_owned()];
        run(Path::new("sh"), &arguments, Path::new("/"), deadline).await
    }

    #[tokio::test]
    async fn what_a_program_prints_is_the_secret_or_the_reason_is_told() {
        let cases = [
            ("line ends go", "printf 'abc\\n\\n'", Ok("abc")),
            ("silence", "true", Err("has nothing to say")),
            ("no text", "printf '\\377'", Err("prints no text")),
            (
                "a complaint",
                "printf 'no \\033[31mlogin' >&2; exit 3",
                Err("status: 3): no \\u{1b}[31mlogin"),
            ),
            ("a flood", "head -c 100000 /dev/zero | tr '\\0' a", Err("has more than 65536 bytes")),
            ("a flood of complaints", "head -c 900000 /dev/zero >&2; echo abc", Ok("abc")),
        ];
        for (name, script, expected) in cases {
            let found = shell(script, DEADLINE).await;
            match expected {
                Ok(secret) => assert_eq!(found.as_deref(), Ok(secret), "{name}"),
                Err(words) => {
                    assert!(found.as_ref().is_err_and(|e| e.contains(words)), "{name}: {found:?}")
                }
            }
        }
        let missing = run(Path::new("/none/such"), &[], Path::new("/"), DEADLINE).await;
        assert!(missing.unwrap_err().contains("can't be started"));
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pids");
        let script = format!("sleep 1000 & echo $! $$ > {}; wait", file.display());
        let found = shell(&script, Duration::from_secs(3)).await;
        assert!(found.unwrap_err().contains("did not end within 3s"));
        let pids = std::fs::read_to_string(file).unwrap();
        for pid in pids.split_whitespace() {
            let patience = std::time::Instant::now();
            // A killed process takes its time to end, and its new parent to take note of that.
            let lives = || {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
                stat.is_ok_and(|stat| !stat.contains(") Z "))
            };
            while lives() {
                assert!(patience.elapsed() < Duration::from_secs(60), "{pid} lives");
                sleep(POLL).await;
            }
        }
    }
}
