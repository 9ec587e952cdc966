//! The plugins of one directory, by role and name.
//!
//! A broken file is an entry with its reason; it never hides the good ones. Two files that claim one
//! name are both unusable, since picking one would depend on the order of a directory.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Engine, LoadError, Plugin, Role, limits::COMPONENTS_MAX};

/// Names closer than this are offered as a correction.
const SIMILARITY_MIN: f64 = 0.7;

/// One file of the directory.
#[derive(Debug)]
pub struct Entry {
    pub path: PathBuf,
    pub plugin: Result<Arc<Plugin>, LoadError>,
}

#[derive(Debug)]
pub struct Catalog {
    directory: PathBuf,
    entries: Vec<Entry>,
    duplicates: BTreeMap<(Role, String), (PathBuf, PathBuf)>,
}

impl Catalog {
    /// The first of the places that exists: `--plugin-dir`, `CARTRIDGE_WARP_PLUGIN_DIR`, `plugins/`
    /// beside the binary, and the user's own. A place that was named must exist.
    pub fn search_path(
        command_line: Option<PathBuf>,
        environment: Option<PathBuf>,
        beside_binary: Option<PathBuf>,
        home: Option<PathBuf>,
    ) -> Result<PathBuf, LoadError> {
        if let Some(named) = command_line.or(environment) {
            return if named.is_dir() {
                Ok(named)
            } else {
                Err(LoadError::NoDirectory { searched: vec![named] })
            };
        }
        let own = home.map(|home| home.join(".local/share/cartridge-warp/plugins"));
        let beside = beside_binary.map(|directory| directory.join("plugins"));
        let searched: Vec<PathBuf> = beside.into_iter().chain(own).collect();
        match searched.iter().find(|directory| directory.is_dir()) {
            Some(found) => Ok(found.clone()),
            None => Err(LoadError::NoDirectory { searched }),
        }
    }

    /// Loads every `.wasm` file of the directory.
    pub async fn open(engine: &Engine, directory: &Path) -> Result<Self, LoadError> {
        let mut entries = Vec::new();
        // One after the other: the compiler uses every core by itself.
        for path in components(directory)? {
            let plugin = Plugin::load(engine, &path, None).await;
            if let Err(error) = &plugin {
                tracing::debug!(path = %path.display(), %error, "not a usable plugin");
            }
            entries.push(Entry { path, plugin });
        }
        let duplicates = refuse_duplicates(&mut entries);
        Ok(Self { directory: directory.to_owned(), entries, duplicates })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Every component file, in the order of their names.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn find(&self, role: Role, name: &str) -> Result<Arc<Plugin>, LoadError> {
        if let Some((first, second)) = self.duplicates.get(&(role, name.to_owned())) {
            return Err(duplicate(role, name, first, second));
        }
        let found =
            self.plugins().find(|plugin| plugin.info.role == role && plugin.info.name == name);
        found.cloned().ok_or_else(|| self.unknown(role, name))
    }

    fn plugins(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.entries.iter().filter_map(|entry| entry.plugin.as_ref().ok())
    }

    fn unknown(&self, role: Role, name: &str) -> LoadError {
        let of_role = self.plugins().filter(|plugin| plugin.info.role == role);
        let available: Vec<String> = of_role.map(|plugin| plugin.info.name.clone()).collect();
        let nearest = available
            .iter()
            .map(|other| (strsim::jaro_winkler(name, other), other))
            .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let broken: Vec<String> = self
            .entries
            .iter()
            .filter(|entry| entry.plugin.is_err())
            .filter_map(|entry| Some(entry.path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        let directory = self.directory.display();
        let mut advice = match nearest {
            Some((_, nearest)) => format!("did you mean `{nearest}`?"),
            None => format!("put the connector's .wasm file into {directory}"),
        };
        if !broken.is_empty() {
            advice = format!("{advice} These files could not be loaded: {}", broken.join(", "));
        }
        LoadError::Unknown { role, name: name.to_owned(), available, advice }
    }
}

fn components(directory: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let unreadable = |source| LoadError::Directory { path: directory.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") && path.is_file() {
            paths.push(path);
        }
    }
    if paths.len() > COMPONENTS_MAX {
        let reason = format!("it has more than {COMPONENTS_MAX} components");
        return Err(unreadable(std::io::Error::other(reason)));
    }
    paths.sort();
    Ok(paths)
}

fn refuse_duplicates(entries: &mut [Entry]) -> BTreeMap<(Role, String), (PathBuf, PathBuf)> {
    let mut owners: BTreeMap<(Role, String), Vec<usize>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        if let Ok(plugin) = &entry.plugin {
            let key = (plugin.info.role, plugin.info.name.clone());
            owners.entry(key).or_default().push(index);
        }
    }
    let mut duplicates = BTreeMap::new();
    for ((role, name), indices) in owners {
        let paths: Vec<PathBuf> =
            indices.iter().filter_map(|index| Some(entries.get(*index)?.path.clone())).collect();
        let [first, second, ..] = paths.as_slice() else { continue };
        for index in indices {
            if let Some(entry) = entries.get_mut(index) {
                entry.plugin = Err(duplicate(role, &name, first, second));
            }
        }
        duplicates.insert((role, name), (first.clone(), second.clone()));
    }
    duplicates
}

fn duplicate(role: Role, name: &str, first: &Path, second: &Path) -> LoadError {
    let (first, second) = (first.to_owned(), second.to_owned());
    LoadError::Duplicate { role, name: name.to_owned(), first, second }
}
