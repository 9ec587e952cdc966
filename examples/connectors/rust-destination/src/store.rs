//! Where a schema's state is kept: `state-E.json`, which only the claim with the epoch E replaces.
//!
//! A claim leaves `claim-E` first and reads what is there then. A commit puts its file in place first and looks for claims
//! then. So of a commit and a claim at the same time the claim reads the commit, or the commit finds the claim and is not
//! acknowledged.

use std::fs::{self, File, OpenOptions};
use std::io::{Error, ErrorKind, Write};
use std::path::{Path, PathBuf};

use cartridge_warp_sdk::{Failure, fenced};

use crate::state::State;

/// A schema that this connection claimed.
pub struct Store {
    folder: PathBuf,
    schema: String,
    epoch: u64,
    state: State,
}

impl Store {
    /// Raises the epoch, and takes over what is committed by then.
    pub fn claim(folder: &Path, schema: &str) -> Result<Self, Failure> {
        let mut epoch = highest(folder, "claim-", "")?.max(highest(folder, "state-", ".json")?) + 1;
        loop {
            let claim = folder.join(format!("claim-{epoch}"));
            match OpenOptions::new().write(true).create_new(true).open(&claim) {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => epoch += 1,
                Err(error) => return Err(failure(&claim, &error)),
            }
        }
        sync(folder)?;
        let store = Self {
            folder: folder.to_owned(),
            schema: schema.to_owned(),
            epoch,
            state: read(folder)?,
        };
        store.replace(&store.state)?;
        store.clean()?;
        Ok(store)
    }

    /// Its number.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What is committed.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Makes this what is committed.
    pub fn commit(&mut self, state: State) -> Result<(), Failure> {
        self.replace(&state)?;
        let newest = highest(&self.folder, "claim-", "")?;
        if newest > self.epoch {
            return Err(fenced(&self.schema, self.epoch, newest));
        }
        self.state = state;
        Ok(())
    }

    /// Durable once it returns; a crash leaves the old file or the new one.
    fn replace(&self, state: &State) -> Result<(), Failure> {
        let path = self.folder.join(format!("state-{}.json", self.epoch));
        let new = path.with_extension("json.new");
        let text = serde_json::to_vec(state)
            .map_err(|error| Failure::stop("state", format!("the state is no JSON: {error}")))?;
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        });
        written.map_err(|error| failure(&path, &error))?;
        sync(&self.folder)
    }

    /// Removes what older claims left.
    fn clean(&self) -> Result<(), Failure> {
        for name in names(&self.folder)? {
            let parts = name.split_once('-').and_then(|(_, rest)| rest.split('.').next());
            if parts.and_then(|number| number.parse().ok()).is_some_and(|of: u64| of < self.epoch) {
                let path = self.folder.join(&name);
                fs::remove_file(&path).map_err(|error| failure(&path, &error))?;
            }
        }
        Ok(())
    }
}

/// What is committed; nothing where there was no claim.
pub fn read(folder: &Path) -> Result<State, Failure> {
    let newest = highest(folder, "state-", ".json")?;
    if newest == 0 {
        return Ok(State::default());
    }
    let path = folder.join(format!("state-{newest}.json"));
    let text = fs::read(&path).map_err(|error| failure(&path, &error))?;
    serde_json::from_slice(&text)
        .map_err(|error| Failure::stop("state", format!("{} is damaged: {error}", path.display())))
}

/// The highest number among the names that begin and end so; 0 without one.
fn highest(folder: &Path, prefix: &str, suffix: &str) -> Result<u64, Failure> {
    let names = names(folder)?;
    let numbers = names
        .iter()
        .filter_map(|name| name.strip_prefix(prefix)?.strip_suffix(suffix)?.parse::<u64>().ok());
    Ok(numbers.max().unwrap_or(0))
}

fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| failure(folder, &error))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // A name that is no text is none of ours.
        names.extend(entry.map_err(|error| failure(folder, &error))?.file_name().into_string());
    }
    Ok(names)
}

/// Makes names in a folder durable.
pub fn sync(folder: &Path) -> Result<(), Failure> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failure(folder, &error))
}

/// What a file system says passes more often than not: a full disk, a file that another claim just removed.
pub fn failure(path: &Path, error: &Error) -> Failure {
    Failure::retry("file-system", format!("{}: {error}", path.display()))
}
