//! Which server there is to start.

use std::env;
use std::path::{Path, PathBuf};

/// Names the program instead of looking for it.
const VARIABLE: &str = "CARTRIDGE_WARP_TEST_MONGODB";
/// The version of SecantusDB that `scripts/setup.sh tests` builds where there is no `mongod`.
const SECANTUS_VERSION: &str = include_str!("../secantus-version");

/// A program that speaks MongoDB's protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// MongoDB itself.
    Mongod(PathBuf),
    /// SecantusDB, compiled.
    Secantus(PathBuf),
    /// SecantusDB from its Python package, which takes the same options and is many times slower.
    SecantusInPython(PathBuf),
}

impl Program {
    /// The named one, else a `mongod` in the search path, else SecantusDB.
    pub(crate) fn find() -> Self {
        if let Some(named) = env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
            return Self::of(PathBuf::from(named));
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let mongod = env::split_paths(&path).map(|folder| folder.join("mongod"));
        mongod.chain(built()).find(|program| program.exists()).map(Self::of).unwrap_or_else(|| {
            panic!(
                "there is neither a mongod in PATH nor the test server that takes its place; build \
                 it once (ten to twenty minutes): scripts/setup.sh tests"
            )
        })
    }

    fn of(program: PathBuf) -> Self {
        assert!(
            program.is_file(),
            "{}, named by {VARIABLE}, is no program; unset the variable to use what \
             scripts/setup.sh tests provides",
            program.display()
        );
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        match name.as_ref() {
            "secantusd-py" => Self::SecantusInPython(program),
            name if name.starts_with("secantus") => Self::Secantus(program),
            _ => Self::Mongod(program),
        }
    }
}

/// Where `scripts/setup.sh` keeps what it built.
fn built() -> Option<PathBuf> {
    let of_home = || Some(Path::new(&env::var_os("HOME")?).join(".cache"));
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(of_home)?;
    let name = format!("secantus-{}", SECANTUS_VERSION.trim());
    Some(cache.join("cartridge-warp-test-servers").join(name).join("bin/secantusd-rs"))
}
