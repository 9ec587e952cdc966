//! Which names of a granted directory a guest may use, and for what.

use std::sync::Arc;

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use crate::plugin::paths::{Identity, PathKind, Siblings};

/// What a guest may do in an open directory.
#[derive(Clone)]
pub(super) enum Rules {
    /// A granted directory, and all below.
    Everything,
    /// A granted file in its directory.
    File(Arc<OneFile>),
    /// A directory among a file's siblings: it may be there, and be empty.
    Nothing,
}

pub(super) struct OneFile {
    name: String,
    siblings: Siblings,
    identity: Identity,
}

/// What a name is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Looking at what is there, or opening it.
    Use,
    /// Making, removing or renaming: never the granted file itself, since another one in its place
    /// would be one that nobody has locked.
    Change,
    /// Giving what is there another name besides.
    Link,
}

impl Rules {
    pub(super) fn file(name: &str, kind: &PathKind, identity: Identity) -> Self {
        let siblings = match kind {
            PathKind::File(siblings) => siblings.clone(),
            PathKind::Directory => Siblings::default(),
        };
        Self::File(Arc::new(OneFile { name: name.to_owned(), siblings, identity }))
    }

    /// Whether the guest may do this with what is at `path`.
    pub(super) fn check(&self, path: &str, deed: Deed) -> Result<(), ErrorCode> {
        let file = match self {
            Self::Everything => return Ok(()),
            Self::File(file) => Some(file),
            Self::Nothing => None,
        };
        let allowed = match deed {
            Deed::Use if path == "." => true,
            Deed::Use => file.is_some_and(|file| file.has(path)),
            Deed::Change => file.is_some_and(|file| file.siblings.allow(&file.name, path)),
            Deed::Link => false,
        };
        match (allowed, deed) {
            (true, _) => Ok(()),
            (false, Deed::Use) => Err(ErrorCode::NoEntry),
            (false, _) => Err(ErrorCode::NotPermitted),
        }
    }

    /// Whether the name shows in a list of the directory.
    pub(super) fn shows(&self, name: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::File(file) => file.has(name),
            Self::Nothing => false,
        }
    }

    /// Rules of a directory that was opened at `path`.
    pub(super) fn below(&self, path: &str) -> Self {
        match self {
            Self::Everything => Self::Everything,
            same if path == "." => same.clone(),
            _ => Self::Nothing,
        }
    }

    /// What is locked, where `path` is the granted file: nothing else may be opened by its name.
    pub(super) fn locked(&self, path: &str) -> Option<Identity> {
        match self {
            Self::File(file) if file.name == path => Some(file.identity),
            _ => None,
        }
    }

    /// A file or its siblings are its user's own, and are reached without links.
    pub(super) fn is_private(&self) -> bool {
        !matches!(self, Self::Everything)
    }
}

impl OneFile {
    fn has(&self, name: &str) -> bool {
        self.name == name || self.siblings.allow(&self.name, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_granted_file_is_that_file_and_its_siblings() {
        let file = std::fs::File::open(".").unwrap();
        let siblings = Siblings::parse("-journal,.lock").unwrap();
        let kind = PathKind::File(siblings);
        let rules = Rules::file("a.db", &kind, Identity::of(&file).unwrap());
        let cases = [
            (".", [true, false, false]),
            ("a.db", [true, false, false]),
            ("a.db-journal", [true, true, false]),
            ("a.db.lock", [true, true, false]),
            ("config.yaml", [false, false, false]),
            ("..", [false, false, false]),
            ("./a.db", [false, false, false]),
            ("../x/a.db", [false, false, false]),
            ("a.db.lock/x", [false, false, false]),
            ("/a.db", [false, false, false]),
            ("", [false, false, false]),
        ];
        for (path, expected) in cases {
            for (deed, expected) in [Deed::Use, Deed::Change, Deed::Link].into_iter().zip(expected)
            {
                assert_eq!(rules.check(path, deed).is_ok(), expected, "{deed:?} {path}");
            }
        }
        let below = rules.below("a.db.lock");
        assert!(below.check(".", Deed::Use).is_ok());
        assert!(below.check("a.db", Deed::Use).is_err() && !below.shows("a.db"));
        assert!(rules.below(".").check("a.db", Deed::Use).is_ok());
    }
}
