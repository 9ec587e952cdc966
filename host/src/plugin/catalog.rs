//! The component files of one directory, by the role and name that their file names say.
//!
//! Only file names are read here. A component is read, compared with its pin and compiled when it is
//! asked for, so what else lies in the directory costs nothing and can break nothing.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Engine, LoadError, Plugin, Role, file_name, limits::COMPONENTS_MAX, load_error::RENAME,
};

/// Names closer than this are offered as a correction.
const SIMILARITY_MIN: f64 = 0.7;
/// Files named in an error.
const FILES_SHOWN_MAX: usize = 20;

/// The files of a directory.
#[derive(Debug)]
pub struct Catalog {
    directory: PathBuf,
    named: BTreeMap<(Role, String), Vec<PathBuf>>,
    unnamed: Vec<PathBuf>,
}

/// One file of the directory, loaded or not.
#[derive(Debug)]
pub struct Entry {
    pub path: PathBuf,
    pub plugin: Result<Arc<Plugin>, LoadError>,
}

impl Catalog {
    /// The first of the places that exists: `--plugin-dir`, `CARTRIDGE_WARP_PLUGIN_DIR`, `plugins/`
    /// beside the binary, and the user's own. A place that was named must exist.
    ///
    /// # Errors
    /// [`LoadError::NoDirectory`] says where it looked.
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

    /// Lists the `.wasm` files of the directory; opens none of them.
    ///
    /// # Errors
    /// [`LoadError::Directory`] when it cannot be read or holds too many.
    pub fn open(directory: &Path) -> Result<Self, LoadError> {
        let (mut named, mut unnamed) = (BTreeMap::<_, Vec<PathBuf>>::new(), Vec::new());
        for path in components(directory)? {
            match file_name::meaning(&path) {
                Some(meaning) => named.entry(meaning).or_default().push(path),
                None => unnamed.push(path),
            }
        }
        Ok(Self { directory: directory.to_owned(), named, unnamed })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file of a connector.
    ///
    /// # Errors
    /// [`LoadError::Unknown`] or [`LoadError::Duplicate`], with what there is.
    pub fn find(&self, role: Role, name: &str) -> Result<&Path, LoadError> {
        match self.named.get(&(role, name.to_owned())).map(Vec::as_slice) {
            Some([only]) => Ok(only),
            Some([first, second, ..]) => Err(duplicate(role, name, first, second)),
            Some([]) | None => Err(self.unknown(Some(role), name)),
        }
    }

    /// Loads a connector: its file, which must have the digest `sha256` if there is one, and must say
    /// of itself what its name says.
    ///
    /// # Errors
    /// As [`find`](Self::find) and [`Plugin::load`], and [`LoadError::Misnamed`].
    pub async fn load(
        &self,
        engine: &Engine,
        role: Role,
        name: &str,
        sha256: Option<&str>,
    ) -> Result<Arc<Plugin>, LoadError> {
        let path = self.find(role, name)?;
        let plugin = Plugin::load(engine, path, sha256).await?;
        if file_name::agrees(&plugin.info, role, name) {
            return Ok(plugin);
        }
        let (found_role, found_name) = (plugin.info.role, plugin.info.name.clone());
        Err(LoadError::Misnamed { path: path.to_owned(), found_role, found_name })
    }

    /// Loads the connectors of this name, of either role.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn load_named(
        &self,
        engine: &Engine,
        name: &str,
    ) -> Result<Vec<Arc<Plugin>>, LoadError> {
        let mut plugins = Vec::new();
        for role in [Role::Source, Role::Destination] {
            if self.named.contains_key(&(role, name.to_owned())) {
                plugins.push(self.load(engine, role, name, None).await?);
            }
        }
        if plugins.is_empty() { Err(self.unknown(None, name)) } else { Ok(plugins) }
    }

    /// Loads every file, in the order of their names; a broken one is an entry with its reason.
    pub async fn load_all(&self, engine: &Engine) -> Vec<Entry> {
        let mut entries = Vec::new();
        // One after the other: the compiler uses every core by itself.
        for ((role, name), paths) in &self.named {
            for path in paths {
                let plugin = self.load(engine, *role, name, None).await;
                entries.push(Entry { path: path.clone(), plugin });
            }
        }
        let unnamed = self.unnamed.iter().map(|path| Entry {
            path: path.clone(),
            plugin: Err(LoadError::FileName { path: path.clone() }),
        });
        entries.extend(unnamed);
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries
    }

    fn unknown(&self, role: Option<Role>, name: &str) -> LoadError {
        let of_role = self.named.keys().filter(|(other, _)| role.is_none_or(|role| role == *other));
        let mut available: Vec<String> = of_role.map(|(_, name)| name.clone()).collect();
        available.dedup();
        let nearest = available
            .iter()
            .map(|other| (strsim::jaro_winkler(name, other), other))
            .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let wanted = role.map_or_else(
            || {
                format!(
                    "{} or {}",
                    file_name::of(Role::Source, name),
                    file_name::of(Role::Destination, name)
                )
            },
            |role| file_name::of(role, name),
        );
        let mut advice = match nearest {
            Some((_, nearest)) => format!("did you mean `{nearest}`?"),
            None => format!("put {wanted} into {}", self.directory.display()),
        };
        if !self.unnamed.is_empty() {
            let shown =
                self.unnamed.iter().take(FILES_SHOWN_MAX).map(|path| file_name::shown(path));
            let shown = shown.collect::<Vec<_>>().join(", ");
            advice = format!("{advice} If it is one of these files ({shown}), {RENAME}");
        }
        available.truncate(FILES_SHOWN_MAX);
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

fn duplicate(role: Role, name: &str, first: &Path, second: &Path) -> LoadError {
    let (first, second) = (first.to_owned(), second.to_owned());
    LoadError::Duplicate { role, name: name.to_owned(), first, second }
}
