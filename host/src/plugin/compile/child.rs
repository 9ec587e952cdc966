//! The compiler's own process: reads a component, writes its image, within limits that it sets
//! itself before it reads the first byte of the component.

use std::{
    ffi::OsStr,
    io::{self, Read, Write},
    process::ExitCode,
    thread,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::super::configuration::configuration;

/// The argument that makes a program a compiler.
pub(super) const COMMAND: &str = "compile-component";
/// What [`compiler_process`] reads first: memory, seconds and the component's length.
pub(super) const HEADER_BYTES: usize = 24;
/// Descriptors that a compiler needs: its pipes, and what the system's library opens for a moment.
const DESCRIPTORS_MAX: u64 = 32;
/// CPU time between the signal that tells of the limit and the one that nobody can ignore.
const CPU_GRACE_SECONDS: u64 = 2;

/// Compiles one component, if that is what this process was started for.
///
/// A program that gives its own path as [`EngineSettings::compiler`](crate::plugin::EngineSettings)
/// calls this first in `main` and ends with the code that comes back; nothing comes back in a process
/// that was started for something else. Must be called before there are other threads: they would
/// count.
pub fn compiler_process() -> Option<ExitCode> {
    if std::env::args_os().nth(1).as_deref() != Some(OsStr::new(COMMAND)) {
        return None;
    }
    Some(match compile() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    })
}

fn compile() -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    std::env::set_current_dir("/").map_err(said)?;
    let mut header = [0; HEADER_BYTES];
    io::stdin().read_exact(&mut header).map_err(said)?;
    let [memory, seconds, length] = numbers(&header);
    confine(memory, seconds).map_err(said)?;
    let mut component = Vec::new();
    io::stdin().take(length).read_to_end(&mut component).map_err(said)?;
    if component.len() as u64 != length {
        return Err("the component did not arrive".to_owned());
    }
    end_with_the_parent().map_err(said)?;
    let engine = wasmtime::Engine::new(&configuration()).map_err(|error| format!("{error:#}"))?;
    let image = engine.precompile_component(&component).map_err(|error| format!("{error:#}"))?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&image).and_then(|()| stdout.flush()).map_err(said)
}

fn numbers(header: &[u8; HEADER_BYTES]) -> [u64; 3] {
    let (numbers, _) = header.as_chunks::<8>();
    [0, 1, 2].map(|at| numbers.get(at).map_or(0, |bytes| u64::from_le_bytes(*bytes)))
}

/// No more memory and time than the operator allows, no file of any size, no memory image on disk.
fn confine(memory: u64, seconds: u64) -> io::Result<()> {
    lower(Resource::Core, 0)?;
    lower(Resource::Fsize, 0)?;
    lower(Resource::Nofile, DESCRIPTORS_MAX)?;
    // The signal of the lower one says which limit it was; the other ends who would ignore it.
    lower_to(Resource::Cpu, seconds, seconds.saturating_add(CPU_GRACE_SECONDS))?;
    let bounded = lower(Resource::As, memory);
    // macOS refuses what is less than a process begins with, which is far more than it uses.
    if cfg!(target_os = "linux") { bounded } else { Ok(()) }
}

fn lower(resource: Resource, value: u64) -> io::Result<()> {
    lower_to(resource, value, value)
}

fn lower_to(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let before = getrlimit(resource).maximum;
    let within = |value: u64| Some(before.map_or(value, |before| before.min(value)));
    Ok(setrlimit(resource, Rlimit { current: within(current), maximum: within(maximum) })?)
}

/// The parent keeps the pipe open for as long as it wants the image; the system closes it when the
/// parent dies, however it dies.
fn end_with_the_parent() -> io::Result<()> {
    thread::Builder::new().name("parent".to_owned()).spawn(|| {
        // Whatever comes, there is nothing more to come.
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(1);
    })?;
    Ok(())
}
