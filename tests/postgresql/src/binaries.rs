//! Where PostgreSQL is installed.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Names the folder instead of looking for it, to test with another version.
const VARIABLE: &str = "CARTRIDGE_WARP_TEST_POSTGRESQL";
/// Debian's folders, one per version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder with `initdb`, `postgres` and `psql`.
pub(crate) fn find() -> PathBuf {
    let named = env::var_os(VARIABLE).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let found = named.into_iter().chain(env::split_paths(&path)).chain(of_debian());
    let complete =
        |folder: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|p| folder.join(p).exists());
    found.into_iter().find(complete).unwrap_or_else(|| {
        panic!(
            "PostgreSQL's initdb, postgres and psql are neither in PATH nor in {DEBIAN}/*/bin; \
             install them: sudo apt-get install --yes postgresql"
        )
    })
}

/// Newest first.
fn of_debian() -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(DEBIAN)).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}
