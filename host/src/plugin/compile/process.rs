//! The parent's side of a compiler's process: feeds it, bounds it, reaps it.

use std::{
    convert::Infallible,
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{CompileLimits, child::COMMAND};
use crate::plugin::{
    limits::{COMPILED_BYTES_MAX, MESSAGE_BYTES_MAX},
    text,
};

/// How often a running compiler is looked at.
const POLL: Duration = Duration::from_millis(5);
/// How much more of the clock than of the processor a compiler may take.
const CLOCK_FACTOR: u32 = 10;
/// More threads would compile little faster and each want memory of its own.
const THREADS_MAX: usize = 4;
/// What the standard library says when memory is refused, and the system's error.
const OUT_OF_MEMORY_WORDS: [&str; 3] =
    ["memory allocation of", "Cannot allocate memory", "(os error 12)"];

/// One component for one process.
pub(super) struct Job<'a> {
    pub program: &'a Path,
    pub component: &'a [u8],
    pub limits: CompileLimits,
}

/// Why there is no image.
#[derive(Debug)]
pub(super) enum Refusal {
    Memory,
    Time,
    /// It is larger than anything that is kept.
    Image,
    Failed(String),
}

/// How a process came to its end.
enum End {
    Itself(ExitStatus),
    Late,
    Unwanted,
}

/// A process that is never left behind.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the compiler to its end, or kills it when time is up or nobody waits for the image.
pub(super) fn run(job: &Job<'_>, unwanted: &Receiver<Infallible>) -> Result<Vec<u8>, Refusal> {
    compiled(job, unwanted)
        .unwrap_or_else(|error| Err(Refusal::Failed(format!("the compiler's process: {error}"))))
}

fn compiled(
    job: &Job<'_>,
    unwanted: &Receiver<Infallible>,
) -> io::Result<Result<Vec<u8>, Refusal>> {
    let started = Instant::now();
    let mut child = Reaped(command(job.program).spawn()?);
    let pipes = (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(io::Error::other("it has no pipes"));
    };
    thread::scope(|scope| {
        // The first to be dropped: the threads end when the process has.
        let mut child = child;
        let spawn = || thread::Builder::new().name("compiler".to_owned());
        let fed = spawn().spawn_scoped(scope, move || feed(stdin, job))?;
        let image = spawn().spawn_scoped(scope, move || gather(stdout, COMPILED_BYTES_MAX + 1))?;
        let words =
            spawn().spawn_scoped(scope, move || gather(stderr, MESSAGE_BYTES_MAX as u64))?;
        let end = supervise(&mut child.0, started, job.limits, unwanted)?;
        // Nothing else can hold the other ends of the pipes, so all three end now.
        drop(fed.join());
        let (image, words) = (image.join().unwrap_or_default(), words.join().unwrap_or_default());
        Ok(judge(&end, image, &String::from_utf8_lossy(&words)))
    })
}

fn command(program: &Path) -> Command {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let mut command = Command::new(program);
    command
        .arg0("cartridge-warp")
        .arg(COMMAND)
        // Nothing of ours: no secrets, no preloaded libraries.
        .env_clear()
        .env("RAYON_NUM_THREADS", threads.to_string())
        // glibc reserves address space for each thread that allocates, which the limit would count.
        .env("MALLOC_ARENA_MAX", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Gives the component over. The pipe stays open as long as the answer is kept.
fn feed(mut stdin: ChildStdin, job: &Job<'_>) -> io::Result<ChildStdin> {
    let seconds = job.limits.time_max.as_secs().max(1);
    for number in [job.limits.memory_bytes_max, seconds, job.component.len() as u64] {
        stdin.write_all(&number.to_le_bytes())?;
    }
    stdin.write_all(job.component)?;
    Ok(stdin)
}

/// The first `bytes_max` bytes. What comes behind them is read no more, which ends the writer.
fn gather(pipe: impl Read, bytes_max: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A broken pipe is the end, too; the exit code tells the rest.
    let _ = pipe.take(bytes_max).read_to_end(&mut bytes);
    bytes
}

fn supervise(
    child: &mut Child,
    started: Instant,
    limits: CompileLimits,
    unwanted: &Receiver<Infallible>,
) -> io::Result<End> {
    let patience = limits.time_max.saturating_mul(CLOCK_FACTOR);
    let end = loop {
        if let Some(status) = child.try_wait()? {
            return Ok(End::Itself(status));
        }
        if started.elapsed() > patience {
            break End::Late;
        }
        if unwanted.recv_timeout(POLL) == Err(RecvTimeoutError::Disconnected) {
            break End::Unwanted;
        }
    };
    child.kill()?;
    child.wait()?;
    Ok(end)
}

fn judge(end: &End, image: Vec<u8>, words: &str) -> Result<Vec<u8>, Refusal> {
    let status = match end {
        End::Late => return Err(Refusal::Time),
        End::Unwanted => return Err(Refusal::Failed("nobody waits for it any more".to_owned())),
        End::Itself(status) => status,
    };
    if image.len() as u64 > COMPILED_BYTES_MAX {
        return Err(Refusal::Image);
    }
    if status.success() {
        return Ok(image);
    }
    if status.signal() == Some(Signal::XCPU.as_raw()) {
        return Err(Refusal::Time);
    }
    if OUT_OF_MEMORY_WORDS.iter().any(|sign| words.contains(sign)) {
        return Err(Refusal::Memory);
    }
    let words = text::one_line(words.trim(), MESSAGE_BYTES_MAX);
    Err(Refusal::Failed(match status.signal() {
        Some(_) => format!("the compiler's process ended by {status}; its last words: {words}"),
        None => words,
    }))
}
