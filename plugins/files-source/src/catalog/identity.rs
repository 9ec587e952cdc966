//! What stays the same when a file is renamed: its inode, or what the sandbox tells of it.

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::io::Result;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use cartridge_warp_sdk::naming::fnv1a;

    /// Asks the file system.
    #[derive(Debug, Default)]
    pub struct Identities {}

    impl Identities {
        /// The file's identity: device and inode.
        pub fn of(&mut self, path: &Path) -> Result<u64> {
            let metadata = std::fs::metadata(path)?;
            let parts = [metadata.dev().to_le_bytes(), metadata.ino().to_le_bytes()];
            Ok(fnv1a(&parts.concat()))
        }
    }
}

#[cfg(target_family = "wasm")]
mod sandboxed {
    use std::io::{Error, ErrorKind, Result};
    use std::path::Path;

    use wasip2::filesystem::preopens::get_directories;
    use wasip2::filesystem::types::{Descriptor, PathFlags};

    /// Asks the host, which hashes device and inode: std shows a component neither.
    #[derive(Default)]
    pub struct Identities {
        /// Granted directories, asked for once.
        granted: Vec<(Descriptor, String)>,
    }

    impl Identities {
        /// The file's identity: the host's metadata hash, which renames and writes leave alone.
        pub fn of(&mut self, path: &Path) -> Result<u64> {
            if self.granted.is_empty() {
                self.granted = get_directories();
            }
            let path = path.to_str().ok_or(ErrorKind::InvalidFilename)?;
            let within = |(descriptor, root): &'_ (Descriptor, String)| {
                let rest = path.strip_prefix(root.as_str())?;
                let boundary = root.ends_with('/') || rest.starts_with('/');
                let rest = rest.trim_start_matches('/');
                boundary.then(|| descriptor.metadata_hash_at(PathFlags::SYMLINK_FOLLOW, rest))
            };
            let hash = self.granted.iter().find_map(within).ok_or(ErrorKind::NotFound)?;
            hash.map(|hash| hash.lower).map_err(|code| Error::other(code.name().to_owned()))
        }
    }
}

#[cfg(not(target_family = "wasm"))]
pub use native::Identities;
#[cfg(target_family = "wasm")]
pub use sandboxed::Identities;
