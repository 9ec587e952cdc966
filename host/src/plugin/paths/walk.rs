//! The host's own way to a granted directory, which follows no link that a guest may have made.
//!
//! A path is walked from the root, one open directory after the other. Links are the operator's as
//! long as the walk is outside of what guests may write to, and are followed there; inside of it, and
//! in the last place of the path, a link ends the walk. What was walked is open, so nobody can change
//! it afterwards.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    fs::File,
    io,
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{CWD, Mode, OFlags, fstat, mkdirat, openat, readlinkat},
    io::Errno,
};

/// As many as the system follows.
const LINKS_MAX: u32 = 40;
/// A directory that the host makes is its user's own.
const PRIVATE: Mode = Mode::RWXU;

/// A file or directory, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::plugin) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub fn of(file: &impl std::os::fd::AsFd) -> io::Result<Self> {
        Ok(Self::from_stat(&fstat(file)?))
    }

    #[allow(clippy::allow_attributes, clippy::unnecessary_cast, reason = "other on other systems")]
    pub fn from_stat(stat: &rustix::fs::Stat) -> Self {
        Self { device: stat.st_dev as u64, inode: stat.st_ino as u64 }
    }
}

/// Directories that guests may write to.
pub(super) type Writable = HashSet<Identity>;

/// Why a directory can't be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum WalkError {
    #[error(
        "`{}` is a link; name what it leads to, since a connector may have made the link", .0.display()
    )]
    Link(PathBuf),
    #[error("it is the kernel's view of processes and devices, which no connector may have")]
    Kernel,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Errno> for WalkError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// An open directory on the way.
struct Step {
    directory: File,
    /// Guests may write here.
    inside: bool,
}

struct Walk<'a> {
    writable: &'a Writable,
    /// The way from the root to where the walk is.
    steps: Vec<Step>,
    /// What is still to be walked, backwards.
    rest: Vec<OsString>,
    links: u32,
}

/// Opens a granted directory. `path` is absolute. With `make`, what is missing of it is made.
pub(super) fn directory(path: &Path, writable: &Writable, make: bool) -> Result<File, WalkError> {
    walk(path, writable, make, false)
}

/// Opens the directory that a granted file is in: its last place may be a link of the operator's.
pub(super) fn parent(path: &Path, writable: &Writable, make: bool) -> Result<File, WalkError> {
    walk(path, writable, make, true)
}

fn walk(
    path: &Path,
    writable: &Writable,
    make: bool,
    follow_last: bool,
) -> Result<File, WalkError> {
    let mut walk = Walk { writable, steps: Vec::new(), rest: parts(path), links: 0 };
    walk.start()?;
    while let Some(name) = walk.rest.pop() {
        let last = walk.rest.is_empty() && !follow_last;
        walk.step(&name, last, make)?;
    }
    // On the way, directories need not be readable.
    let here = walk.here();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory: File = openat(&here.directory, ".", flags, Mode::empty())?.into();
    refuse_the_kernels_own(&directory)?;
    Ok(directory)
}

/// What lies in `/proc` is the memory and the environment of processes, this one's too.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn refuse_the_kernels_own(directory: &File) -> Result<(), WalkError> {
    const SYSFS: rustix::fs::FsWord = 0x6265_6572;
    let kind = rustix::fs::fstatfs(directory)?.f_type;
    if kind == rustix::fs::PROC_SUPER_MAGIC || kind == SYSFS {
        return Err(WalkError::Kernel);
    }
    Ok(())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn refuse_the_kernels_own(_: &File) -> Result<(), WalkError> {
    Ok(())
}

impl Walk<'_> {
    fn start(&mut self) -> Result<(), WalkError> {
        let root = openat(CWD, "/", on_the_way(), Mode::empty())?.into();
        self.steps = vec![self.enter(root, false)?];
        Ok(())
    }

    fn here(&self) -> &Step {
        // `start` made the first, and `up` leaves it.
        &self.steps[self.steps.len() - 1]
    }

    fn enter(&self, directory: File, inside: bool) -> Result<Step, WalkError> {
        let inside = inside || self.writable.contains(&Identity::of(&directory)?);
        Ok(Step { directory, inside })
    }

    fn step(&mut self, name: &OsStr, last: bool, make: bool) -> Result<(), WalkError> {
        if name == ".." {
            if self.steps.len() > 1 {
                self.steps.pop();
            }
            return Ok(());
        }
        let here = self.here();
        let inside = here.inside;
        let directory = match openat(&here.directory, name, on_the_way(), Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::NOENT) if make => {
                match mkdirat(&here.directory, name, PRIVATE) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                openat(&here.directory, name, on_the_way(), Mode::empty())?
            }
            Err(error @ (Errno::NOTDIR | Errno::LOOP)) => {
                let target = readlinkat(&here.directory, name, Vec::new()).map_err(|_| error)?;
                return self.follow(name, target.to_bytes(), last);
            }
            Err(error) => return Err(error.into()),
        };
        let step = self.enter(directory.into(), inside)?;
        self.steps.push(step);
        Ok(())
    }

    fn follow(&mut self, name: &OsStr, target: &[u8], last: bool) -> Result<(), WalkError> {
        use std::os::unix::ffi::OsStrExt;
        if last || self.here().inside {
            return Err(WalkError::Link(name.into()));
        }
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(Errno::LOOP.into());
        }
        let target = Path::new(OsStr::from_bytes(target));
        if target.is_absolute() {
            self.start()?;
        }
        self.rest.extend(parts(target));
        Ok(())
    }
}

/// Opens a directory that is no link, for going on from it.
fn on_the_way() -> OFlags {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let flags = flags | OFlags::PATH;
    flags
}

/// Names and `..`, backwards.
fn parts(path: &Path) -> Vec<OsString> {
    let walked = |part: &Component| matches!(part, Component::Normal(_) | Component::ParentDir);
    let parts = path.components().filter(walked);
    parts.rev().map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn links_are_followed_where_no_guest_can_make_them() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        let at = |path: &str| base.join(path);
        fs::create_dir_all(at("disk/job/in")).unwrap();
        fs::create_dir_all(at("secret/in")).unwrap();
        symlink(at("disk"), at("operators")).unwrap();
        symlink("../../secret", at("disk/job/guests")).unwrap();
        symlink("secret", at("last")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let open = |path: &str| File::open(at(path)).unwrap();
        let writable = Writable::from([Identity::of(&open("disk/job")).unwrap()]);
        let cases = [
            ("disk/job/in", Ok("disk/job/in")),
            ("operators/job/in", Ok("disk/job/in")),
            ("operators/job/../job/in", Ok("disk/job/in")),
            ("operators/../secret", Ok("secret")),
            ("last/in", Ok("secret/in")),
            ("last", Err("is a link")),
            ("last/", Err("is a link")),
            ("disk/job/guests", Err("is a link")),
            ("disk/job/guests/in", Err("is a link")),
            ("operators/job/guests/in", Err("is a link")),
            ("loop/in", Err("symbolic links")),
            ("none", Err("No such file")),
        ];
        for (path, expected) in cases {
            let opened = directory(&at(path), &writable, false);
            match (opened, expected) {
                (Ok(opened), Ok(expected)) => {
                    let expected = Identity::of(&open(expected)).unwrap();
                    assert_eq!(Identity::of(&opened).unwrap(), expected, "{path}");
                }
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{path}: {error}");
                }
                (opened, expected) => panic!("{path}: {opened:?}, not {expected:?}"),
            }
        }
        assert!(directory(&at("new/a/b"), &writable, true).is_ok());
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(at("new/a")).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o700);
        assert!(directory(&at("disk/job/guests/new"), &writable, true).is_err());
        assert!(!at("secret/new").exists(), "nothing is made behind a guest's link");
    }
}
