//! The driver's program as it runs: a line in, a line out, and its end.
//!
//! What it writes to its standard error is the person's to see. Its answers have a size (I7); their time is
//! for whoever asks.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::unix::pipe::{Receiver, Sender},
    time::sleep,
};

/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// How long after its pipes closed a program may take to end.
const ENDING: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A program, which is killed when this is dropped.
pub struct Process {
    child: Child,
    requests: Sender,
    answers: BufReader<Receiver>,
}

impl Process {
    /// Starts a program with its arguments in a directory.
    pub fn start(command: &[String], directory: &Path) -> io::Result<Self> {
        let (program, arguments) =
            command.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let mut command = Command::new(located(program, directory));
        command.args(arguments).current_dir(directory).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let (requests, answers) = pipes(&mut child).inspect_err(|_| end(&mut child))?;
        Ok(Self { child, requests, answers: BufReader::new(answers) })
    }

    /// Sends a line and waits for another one; an error says what the program did instead.
    pub async fn exchange(&mut self, request: String) -> Result<String, String> {
        if let Err(error) = self.requests.write_all(request.as_bytes()).await {
            return Err(format!("listens no more: {error}{}", self.ended().await));
        }
        let mut line = Vec::new();
        let mut bounded = (&mut self.answers).take(ANSWER_BYTES_MAX + 1);
        let read = bounded.read_until(b'\n', &mut line).await;
        read.map_err(|error| format!("can't be listened to: {error}"))?;
        if line.last() != Some(&b'\n') {
            return Err(match line.len() as u64 > ANSWER_BYTES_MAX {
                true => format!("answered with more than {ANSWER_BYTES_MAX} bytes"),
                false => format!("ended without an answer{}", self.ended().await),
            });
        }
        String::from_utf8(line).map_err(|_| "answered with what is no UTF-8".to_owned())
    }

    /// How it ended, if it did: its pipes close a moment before that is known.
    async fn ended(&mut self) -> String {
        let closed = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return format!(" ({status})"),
                Ok(None) if closed.elapsed() < ENDING => sleep(LOOK_AGAIN).await,
                _ => return String::new(),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // It may have ended long ago.
    let _ = child.kill();
    let _ = child.wait();
}

fn pipes(child: &mut Child) -> io::Result<(Sender, Receiver)> {
    let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
    let requests = child.stdin.take().ok_or_else(closed)?;
    let answers = child.stdout.take().ok_or_else(closed)?;
    Ok((Sender::from_owned_fd(requests.into())?, Receiver::from_owned_fd(answers.into())?))
}

/// A program with a slash in its name is a path; another one is looked for as a shell would.
fn located(program: &str, directory: &Path) -> PathBuf {
    if program.contains('/') { directory.join(program) } else { program.into() }
}
