//! The examples' components, each built by its own script, and kept until something changes of what it is made of.

use std::{
    env,
    ffi::OsString,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use cartridge_warp_tests::{Product, Running};

const PATIENCE: Duration = Duration::from_secs(600);

/// A language, by its folder below examples/connectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    C,
    Python,
}

pub const LANGUAGES: [Language; 2] = [Language::C, Language::Python];

/// Where components are kept.
fn workshop() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages")
}

/// Where the host keeps them compiled: longer than what other tests compile, since an interpreter takes long.
pub fn compiled() -> PathBuf {
    workshop().join("compiled")
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs a command to its good end; what it printed.
pub fn run(command: Command) -> String {
    let said = format!("{command:?}");
    let ended = Running::start(command).wait(PATIENCE);
    assert!(ended.status.success(), "{said}: {}{}", ended.stdout, ended.stderr);
    ended.stdout
}

/// The folder of the Python packages that a file pins, or `scripts/NAME.txt`; fetched where it is missing.
pub fn python_packages(name: &str, pins: Option<&Path>) -> String {
    let mut command = Command::new(repository().join("scripts/python-packages.sh"));
    command.arg(name).args(pins);
    run(command).trim().to_owned()
}

impl Language {
    pub fn folder(self) -> PathBuf {
        let name = match self {
            Self::C => "c",
            Self::Python => "python",
        };
        repository().join("examples/connectors").join(name)
    }

    /// A command of the example, which finds the tools of its language.
    pub fn command(self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder());
        match self {
            Self::C => {
                let tools = run(Command::new(repository().join("scripts/wit-bindgen.sh")));
                command.env("PATH", path_with(tools.trim()));
            }
            Self::Python => {
                let pins = self.folder().join("requirements.txt");
                let packages = python_packages("componentize-py", Some(&pins));
                command.env("PATH", path_with(&format!("{packages}/bin")));
                // What it makes of sources beside them would be taken for sources.
                command.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
            }
        }
        command
    }

    /// The program that writes a table's rows in the batch format.
    pub fn encoder(self) -> Command {
        match self {
            Self::C => {
                let program = workshop().join("encode");
                fs::create_dir_all(workshop()).unwrap();
                let mut command = self.command("cc");
                command.args([
                    "-std=c11",
                    "-Wall",
                    "-Wextra",
                    "-Werror",
                    "-fsanitize=address,undefined",
                ]);
                command.args(["arrow.c", "feed.c", "encode.c", "-o"]).arg(&program);
                run(command);
                self.command(program.to_str().unwrap())
            }
            Self::Python => {
                let mut command = self.command("python3");
                command.arg("encode.py");
                command
            }
        }
    }

    /// The component.
    pub fn component(self) -> PathBuf {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = workshop().join(format!("{self:?}"));
        let kept = folder.join(format!("{:016x}.wasm", self.sources()));
        if !kept.exists() {
            // Older ones.
            fs::remove_dir_all(&folder).ok();
            fs::create_dir_all(&folder).unwrap();
            let building = folder.join("building");
            let mut command = self.command("./build.sh");
            command.arg(&building);
            run(command);
            // Once, or each pipeline of each test would.
            let mut command = Product::find().command();
            command.env("CARTRIDGE_WARP_STATE_DIR", compiled());
            command.args(["plugin", "inspect"]).arg(&building);
            run(command);
            // In one step, so that a build that was cut off leaves nothing that looks whole.
            fs::rename(&building, &kept).unwrap();
        }
        kept
    }

    /// What the component is made of, in short.
    fn sources(self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for folder in [self.folder(), repository().join("wit")] {
            let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let mut files: Vec<_> = entries.filter(|path| path.is_file()).collect();
            files.sort();
            for file in files {
                file.file_name().hash(&mut hasher);
                fs::read(&file).unwrap().hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}

/// `PATH` with one more folder in front.
fn path_with(folder: &str) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths([PathBuf::from(folder)].into_iter().chain(env::split_paths(&path))).unwrap()
}
