//! The files beside a granted one that belong to it: a database's journal and the like.

use std::fmt;

/// A suffix names a kind of file, so few are enough.
const SUFFIXES_MAX: usize = 8;
const SUFFIX_BYTES_MAX: usize = 32;
/// What stands before `*` says whose files these are.
const STEM_BYTES_MIN: usize = 4;

/// Suffixes of a file's full name. `*` at the end of one stands for any further text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Siblings(Vec<String>);

impl Siblings {
    /// Reads `-journal,.lock,.lock.stale-*`.
    pub(in crate::plugin) fn parse(list: &str) -> Option<Self> {
        let suffixes: Vec<String> = list.split(',').map(str::to_owned).collect();
        let known = suffixes.len() <= SUFFIXES_MAX && suffixes.iter().all(|suffix| is_one(suffix));
        known.then_some(Self(suffixes))
    }

    /// Whether `other` is the name of a file that belongs to the one that is called `name`.
    pub fn allow(&self, name: &str, other: &str) -> bool {
        let Some(rest) = other.strip_prefix(name) else { return false };
        self.0.iter().any(|suffix| match suffix.strip_suffix('*') {
            Some(stem) => rest.starts_with(stem) && !rest.contains('/'),
            None => rest == suffix,
        })
    }

    pub fn suffixes(&self) -> &[String] {
        &self.0
    }
}

fn is_one(suffix: &str) -> bool {
    let (stem, open) = match suffix.strip_suffix('*') {
        Some(stem) => (stem, true),
        None => (suffix, false),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let long_enough = stem.len() >= if open { STEM_BYTES_MIN } else { 2 };
    long_enough
        && suffix.len() <= SUFFIX_BYTES_MAX
        && stem.starts_with(['-', '.'])
        && stem.bytes().all(plain)
}

impl fmt::Display for Siblings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_are_few_and_plain() {
        for list in ["-journal", "-journal,-wal,.lock", ".lock.stale-*"] {
            assert!(Siblings::parse(list).is_some(), "{list}");
        }
        let many = ["-a1"; 9].join(",");
        let long = format!("-{}", "x".repeat(32));
        for list in ["", "*", "-*", ".l*", "-", "journal", "-a/b", "-a*b", "-a,,-b", &many, &long] {
            assert!(Siblings::parse(list).is_none(), "{list}");
        }
    }

    #[test]
    fn only_names_that_begin_with_the_files_own_are_its_siblings() {
        let siblings = Siblings::parse("-journal,.lock.stale-*").unwrap();
        for (name, allowed) in [
            ("a.db-journal", true),
            ("a.db.lock.stale-1f", true),
            ("a.db.lock.stale-", true),
            ("a.db", false),
            ("a.db-journal2", false),
            ("b.db-journal", false),
            ("a.db.lock.stale-/x", false),
            ("-journal", false),
            ("config.yaml", false),
        ] {
            assert_eq!(siblings.allow("a.db", name), allowed, "{name}");
        }
    }
}
