//! From a component's bytes to native code, at a bounded price.
//!
//! A compiler has no bounds of its own: a component of two megabytes can make it use gigabytes and
//! minutes. So it runs in a process of its own, with limits of the system on memory and time, which
//! is killed and reaped on every path. Nothing of that process is used but the image that it writes,
//! and that only when it ended well. Where nobody names a compiler program, this process compiles,
//! without limits: a library cannot know which program would.

mod child;
mod process;

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::Duration,
};

pub use child::compiler_process;
use process::{Job, Refusal};

use super::{LoadError, file_name, limits::COMPILED_BYTES_MAX};

/// The configuration keys that bound a compilation.
const MEMORY_KEY: &str = "limits.compile.memory";
const TIME_KEY: &str = "limits.compile.time";

/// What compiling one component may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space of the compiler's process, its own program included; on Linux.
    pub memory_bytes_max: u64,
    /// Time of the processor, of all its threads together; at least a second. By the clock it may
    /// take ten times as long, since a busy machine is no fault of a component.
    pub time_max: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { memory_bytes_max: 2 << 30, time_max: Duration::from_secs(120) }
    }
}

/// Hears when a component is compiled, which may take minutes.
pub trait CompileNotice: Send + Sync {
    /// Compiling a file of this name and size begins; it is over when the answer is dropped.
    fn compiling(&self, file: &str, bytes: u64) -> Box<dyn Send>;
}

/// How an engine compiles.
#[derive(Clone)]
pub(super) struct Compiler {
    pub(super) program: Option<PathBuf>,
    pub(super) limits: CompileLimits,
    pub(super) notice: Option<Arc<dyn CompileNotice>>,
}

impl Compiler {
    /// The native image of a component. Dropping the future ends the compiler's process.
    pub(super) async fn compile(
        &self,
        engine: &wasmtime::Engine,
        path: &Path,
        component: Vec<u8>,
    ) -> Result<Vec<u8>, LoadError> {
        let bytes = component.len() as u64;
        let _shown =
            self.notice.as_ref().map(|notice| notice.compiling(&file_name::shown(path), bytes));
        let limits = self.limits;
        // Nothing is ever sent: that this end is dropped is the message.
        let (_wanted, unwanted) = mpsc::channel::<Infallible>();
        let compiled = match self.program.clone() {
            Some(program) => tokio::task::spawn_blocking(move || {
                process::run(&Job { program: &program, component: &component, limits }, &unwanted)
            }),
            None => {
                let engine = engine.clone();
                tokio::task::spawn_blocking(move || {
                    let image = engine.precompile_component(&component);
                    image.map_err(|error| Refusal::Failed(format!("{error:#}")))
                })
            }
        };
        let compiled =
            compiled.await.unwrap_or_else(|error| Err(Refusal::Failed(error.to_string())));
        compiled.map_err(|refusal| explain(path, refusal, limits))
    }
}

fn explain(path: &Path, refusal: Refusal, limits: CompileLimits) -> LoadError {
    let path = path.to_owned();
    let over = |key, limit: String| LoadError::CompileLimit { path: path.clone(), key, limit };
    match refusal {
        Refusal::Memory => over(MEMORY_KEY, format!("{} bytes", limits.memory_bytes_max)),
        Refusal::Time => over(TIME_KEY, format!("{:?}", limits.time_max)),
        Refusal::Image => LoadError::TooLarge {
            path,
            what: "compiled code",
            bytes: COMPILED_BYTES_MAX,
            bytes_max: COMPILED_BYTES_MAX,
        },
        Refusal::Failed(reason) => LoadError::Compile { path, reason },
    }
}
