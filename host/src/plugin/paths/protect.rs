//! What no grant may give: the configuration, secrets, connectors and the host's own state.
//!
//! Places are compared as the file system has them, links and mounts resolved, so that another way of
//! writing a path gets nobody around it.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use super::{PathGrant, PathKind};
use crate::plugin::Role;

/// A file or a directory of the host's own.
#[derive(Clone, Debug)]
pub struct Protected {
    /// What it is, for the operator: `the configuration`.
    pub what: String,
    pub path: PathBuf,
    /// A directory, whose content is protected too.
    pub tree: bool,
}

/// A grant that would give something of the host's own away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` would grant {}, which {relation} {what} ({})", .granted.display(), .path.display())]
pub struct ProtectedError {
    pub key: String,
    pub granted: PathBuf,
    pub relation: &'static str,
    pub what: String,
    pub path: PathBuf,
}

/// Refuses grants that are, hold or lie in something protected.
pub fn refuse_protected(
    role: Role,
    grants: &[PathGrant],
    protected: &[Protected],
) -> Result<(), ProtectedError> {
    for grant in grants {
        for place in protected {
            if let Some(relation) = relation(grant, place) {
                return Err(ProtectedError {
                    key: format!("{role}.{}", grant.key),
                    granted: grant.host_path.clone(),
                    relation,
                    what: place.what.clone(),
                    path: place.path.clone(),
                });
            }
        }
    }
    Ok(())
}

fn relation(grant: &PathGrant, place: &Protected) -> Option<&'static str> {
    let (granted, protected) = (real(&grant.host_path), real(&place.path));
    if is_same(&granted, &protected) {
        return Some("is");
    }
    if place.tree && lies_in(&granted, &protected) {
        return Some("lies in");
    }
    match &grant.kind {
        PathKind::Directory => lies_in(&protected, &granted).then_some("holds"),
        PathKind::File(siblings) => {
            let beside = is_same(granted.parent()?, protected.parent()?);
            let (name, other) = (granted.file_name()?.to_str()?, protected.file_name()?.to_str()?);
            (beside && siblings.allow(name, other)).then_some("has as a sibling")
        }
    }
}

/// Whether `path` is below `directory`.
fn lies_in(path: &Path, directory: &Path) -> bool {
    path.ancestors().skip(1).any(|above| is_same(above, directory))
}

fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |file: Metadata| (file.dev(), file.ino());
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => identity(one) == identity(other),
        _ => one == other,
    }
}

/// The path with its links resolved as far as it exists.
fn real(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    for existing in path.ancestors() {
        if let Ok(mut real) = existing.canonicalize() {
            for part in rest.into_iter().rev() {
                match part {
                    Component::ParentDir => drop(real.pop()),
                    part => real.push(part),
                }
            }
            return real;
        }
        rest.extend(existing.components().next_back());
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::paths::Siblings;

    #[test]
    fn whatever_the_way_to_it_what_is_protected_is_not_granted() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        for made in ["state/compiled", "data/in", "data/plugins"] {
            fs::create_dir_all(at(made)).unwrap();
        }
        for file in ["warp.yaml", "shop", "shop.yaml", "data/key.pem", "state/x"] {
            fs::write(at(file), "").unwrap();
        }
        fs::hard_link(at("warp.yaml"), at("data/in/other")).unwrap();
        std::os::unix::fs::symlink(at("data"), at("link")).unwrap();
        let own = |what: &str, path: &str, tree| Protected {
            what: what.to_owned(),
            path: at(path),
            tree,
        };
        let protected = [
            own("the configuration", "warp.yaml", false),
            own("a configuration", "shop.yaml", false),
            own("a key", "data/key.pem", false),
            own("the state", "state", true),
            own("the connectors", "data/plugins", true),
            own("a state to come", "new/state", true),
        ];
        let tree = PathKind::Directory;
        let file = |suffixes: &str| PathKind::File(Siblings::parse(suffixes).unwrap_or_default());
        let cases = [
            (".", tree.clone(), Some("holds")),
            ("/", tree.clone(), Some("holds")),
            ("data", tree.clone(), Some("holds")),
            ("link", tree.clone(), Some("holds")),
            ("data/in/..", tree.clone(), Some("holds")),
            ("data/none/..", tree.clone(), Some("holds")),
            ("data/in", tree.clone(), None),
            ("link/in", tree.clone(), None),
            ("elsewhere", tree.clone(), None),
            ("state", tree.clone(), Some("is")),
            ("state/compiled", tree.clone(), Some("lies in")),
            ("state/to-come", tree.clone(), Some("lies in")),
            ("link/plugins/data", tree.clone(), Some("lies in")),
            ("new", tree.clone(), Some("holds")),
            ("new/state/x", tree, Some("lies in")),
            ("shop.db", file("-journal"), None),
            ("warp.yaml", file("-journal"), Some("is")),
            ("link/in/other", file("-journal"), Some("is")),
            ("shop", file(".yaml"), Some("has as a sibling")),
            ("shop", file("-journal"), None),
            ("state/x.db", file("-journal"), Some("lies in")),
        ];
        for (path, kind, expected) in cases {
            let grant = PathGrant {
                key: "k".to_owned(),
                configured: path.to_owned(),
                host_path: at(path),
                kind,
                writable: false,
            };
            let refused = refuse_protected(Role::Source, &[grant], &protected);
            assert_eq!(refused.err().map(|error| error.relation), expected, "{path}");
        }
    }
}
