//! The granted paths of a configuration, opened once per process, before any guest runs.
//!
//! Each attempt gets the same open directories: a guest that puts something else where one was
//! changes nothing for anybody.

use std::{
    fs::File,
    sync::{Arc, OnceLock},
};

use tokio::sync::{Mutex, MutexGuard};

use super::{
    PathGrant, PathKind,
    walk::{self, Identity, WalkError, Writable},
};

/// Where the granted paths of one side are once they are open. Clones are one.
#[derive(Clone, Default)]
pub struct Places(Arc<Inner>);

#[derive(Default)]
struct Inner {
    open: OnceLock<Vec<Place>>,
    /// Whoever has it may be in the written files.
    turn: Mutex<()>,
}

/// An open directory, and what of it is granted.
#[derive(Clone)]
pub(in crate::plugin) struct Place {
    pub grant: PathGrant,
    /// The granted directory, or the one the granted file is in.
    pub directory: Arc<File>,
    /// The granted file.
    pub file: Option<String>,
}

/// A granted path that can't be opened.
#[derive(Debug, thiserror::Error)]
#[error("can't open {} for `{}`: {cause}", .grant.host_path.display(), .grant.key)]
pub struct OpenError {
    /// Which of the sides it is of.
    pub side: usize,
    pub grant: Box<PathGrant>,
    cause: WalkError,
}

impl Places {
    /// Opens the granted paths of each side, and makes what is missing of writable ones. `beside` are
    /// those of the configuration that stay closed: what guests may write to counts there as well.
    pub fn open(sides: &[(&[PathGrant], &Self)], beside: &[&[PathGrant]]) -> Result<(), OpenError> {
        let mut writable = Writable::new();
        let all = sides.iter().map(|(grants, _)| *grants).chain(beside.iter().copied());
        for grant in all.flatten().filter(|grant| is_writable_directory(grant)) {
            // Where one lies behind a link in another, the second walk finds out.
            let opened = walk::directory(&grant.host_path, &Writable::new(), false);
            writable.extend(opened.ok().and_then(|directory| Identity::of(&directory).ok()));
        }
        for (side, (grants, places)) in sides.iter().enumerate() {
            let mut opened = Vec::with_capacity(grants.len());
            for grant in *grants {
                let failed = |cause| OpenError { side, grant: Box::new(grant.clone()), cause };
                let place = Place::open(grant, &writable).map_err(failed)?;
                if is_writable_directory(grant) {
                    writable.extend(Identity::of(&place.directory).ok());
                }
                opened.push(place);
            }
            // Opened before: that was for the same run.
            let _ = places.0.open.set(opened);
        }
        Ok(())
    }

    /// A directory that these may write to and the others hold, too; both are open.
    pub fn written_over(&self, others: &Self) -> Option<&PathGrant> {
        let identity = |place: &Place| Identity::of(&place.directory).ok();
        let directories = |place: &&Place| place.grant.kind == PathKind::Directory;
        let held: Vec<_> = others.get().iter().filter(directories).filter_map(identity).collect();
        let mut ours = self.get().iter().filter(|place| is_writable_directory(&place.grant));
        let place = ours.find(|place| identity(place).is_some_and(|it| held.contains(&it)))?;
        Some(&place.grant)
    }

    /// None before they are open: a guest then has nothing.
    pub(in crate::plugin) fn get(&self) -> &[Place] {
        self.0.open.get().map_or(&[], Vec::as_slice)
    }

    /// Waits until no other instance that writes the same files is in a call, in the order of asking.
    /// None where no file is written.
    ///
    /// A database in a file has one writer at a time, and a component can wait for another only by
    /// looking again and again: a hundred that do so leave no CPU to the one that they wait for.
    pub(in crate::plugin) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        let is_written = |place: &Place| place.grant.writable && place.file.is_some();
        if !self.get().iter().any(is_written) {
            return None;
        }
        Some(self.0.turn.lock().await)
    }
}

fn is_writable_directory(grant: &PathGrant) -> bool {
    grant.writable && grant.kind == PathKind::Directory
}

impl Place {
    fn open(grant: &PathGrant, writable: &Writable) -> Result<Self, WalkError> {
        let path = &grant.host_path;
        let (directory, file) = match grant.kind {
            PathKind::Directory => (path.as_path(), None),
            PathKind::File(_) => {
                let name = path.file_name().and_then(|name| name.to_str());
                let no_file = || std::io::Error::other("this names no file");
                let name = name.ok_or_else(no_file)?.to_owned();
                (path.parent().ok_or_else(no_file)?, Some(name))
            }
        };
        let directory = match file {
            // The last link before a file is the operator's, unless a guest can reach it.
            Some(_) => walk::parent(directory, writable, grant.writable)?,
            None => walk::directory(directory, writable, grant.writable)?,
        };
        Ok(Self { grant: grant.clone(), directory: Arc::new(directory), file })
    }
}
