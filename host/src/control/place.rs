//! Where a run's socket is, and whose it is.
//!
//! A lock on a file beside the socket says whose it is: it ends with the process, however that ends, so a socket
//! that a killed run left behind is known to be nobody's.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, ErrorKind, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};
use sha2::{Digest, Sha256};
use tokio::net::UnixListener;

use super::error::{ControlError, SOCKET_BYTES_MAX};
use crate::{
    config::{Mode, WarpConfig},
    model::text,
    runner::{moment, now_s},
};

/// Of a pipeline's name in a file's name, so that a person finds it.
const NAME_BYTES_MAX: usize = 24;
/// Of the words about who holds a socket.
const HOLDER_BYTES_MAX: u64 = 200;

/// The place of one pipeline's socket.
#[derive(Clone, Debug)]
pub struct Place {
    pub socket: PathBuf,
    /// The operator named it: then a run needs it.
    pub is_named: bool,
}

/// The socket is this process's, until this is dropped.
#[derive(Debug)]
pub struct Taken {
    socket: PathBuf,
    _lock: File,
}

impl Place {
    /// The place that runs and commands of one configuration agree on. Processes that run a schema each have
    /// places of their own, and so have pipelines that share a name and write to different destinations.
    pub fn of(config: &WarpConfig, pipeline: &str, destination: &str) -> Self {
        if let Some(socket) = &config.control.socket {
            return Self { socket: socket.clone(), is_named: true };
        }
        let schema = match config.mode {
            Mode::Single => config.single_schema_name.as_deref().unwrap_or_default(),
            Mode::Multi => "",
        };
        let of_all = Sha256::digest(format!("{pipeline}\0{schema}\0{destination}"));
        let digest = &data_encoding::HEXLOWER.encode(&of_all)[..16];
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
        let name: String = pipeline.chars().filter(is_plain).take(NAME_BYTES_MAX).collect();
        let socket = config.state_dir.join("control").join(format!("{name}-{digest}.socket"));
        Self { socket, is_named: false }
    }

    /// Takes the place, in which a run that was killed may have left its socket.
    pub fn take(&self) -> Result<(UnixListener, Taken), ControlError> {
        let path = &self.socket;
        if path.as_os_str().as_bytes().len() > SOCKET_BYTES_MAX {
            return Err(ControlError::TooLong { path: path.clone() });
        }
        let failed = |problem: String| ControlError::Unusable { path: path.clone(), problem };
        if !self.is_named {
            own_directory(path).map_err(|error| failed(error.to_string()))?;
        }
        let mut lock = open_lock(path).map_err(|error| failed(error.to_string()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ControlError::Held { path: path.clone(), by: holder(&mut lock) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error.to_string())),
        }
        let taken = make_room(path).and_then(|()| {
            let words = format!("process {} of {}", std::process::id(), moment(now_s()));
            lock.set_len(0)?;
            lock.write_all(words.as_bytes())?;
            let listener = UnixListener::bind(path)?;
            fs::set_permissions(path, Permissions::from_mode(0o600))?;
            Ok(listener)
        });
        let listener = taken.map_err(|error| failed(error.to_string()))?;
        Ok((listener, Taken { socket: path.clone(), _lock: lock }))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // The lock is held until after this, so it is nobody else's.
        let _ = fs::remove_file(&self.socket);
    }
}

/// The directory of the socket, which others may not even look into.
fn own_directory(socket: &Path) -> io::Result<()> {
    let Some(directory) = socket.parent() else { return Ok(()) };
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let found = fs::symlink_metadata(directory)?;
    let is_ours = found.is_dir() && found.uid() == geteuid().as_raw();
    match is_ours && found.mode() & 0o077 == 0 {
        true => Ok(()),
        false => Err(io::Error::other("is in a directory that others may use too")),
    }
}

fn open_lock(socket: &Path) -> io::Result<File> {
    let mut name = socket.as_os_str().to_owned();
    name.push(".lock");
    // A link would have another file emptied.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(i32::try_from(flags).unwrap_or_default()).open(name)
}

fn holder(lock: &mut File) -> String {
    let mut words = Vec::new();
    // Without them it is somebody all the same.
    let _ = lock.take(HOLDER_BYTES_MAX).read_to_end(&mut words);
    match String::from_utf8(words) {
        Ok(words) if !words.is_empty() => text::one_line(&words, words.len()),
        _ => "another process".to_owned(),
    }
}

/// Removes a socket that is left over; anything else is not ours to remove.
fn make_room(socket: &Path) -> io::Result<()> {
    match fs::symlink_metadata(socket) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(socket),
        Ok(_) => Err(io::Error::other("is there and is no socket")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
