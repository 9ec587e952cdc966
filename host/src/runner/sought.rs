//! Names of the configuration that may be those of a table of any schema, and which schemas lack them: only
//! when all of them do is such a name nobody's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

/// A name, with the key that has it.
type Named = (&'static str, String);

/// What the schemas of a process have not found so far.
#[derive(Debug, Default)]
pub struct Sought {
    lacking: Mutex<BTreeMap<Named, BTreeSet<String>>>,
}

impl Sought {
    /// Notes whether a schema has a table of this name; whether none of `candidates` has one. A schema that
    /// has not looked yet, or that nobody runs, may have it.
    pub fn is_nowhere<'a>(
        &self,
        named: (&'static str, &str),
        schema: &str,
        has: bool,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        // Sets of names are valid in any state.
        let mut all = self.lacking.lock().unwrap_or_else(PoisonError::into_inner);
        let lacking = all.entry((named.0, named.1.to_owned())).or_default();
        if has {
            lacking.remove(schema);
        } else {
            lacking.insert(schema.to_owned());
        }
        candidates.into_iter().all(|candidate| lacking.contains(candidate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_nobodys_when_the_last_schema_has_looked() {
        let sought = Sought::default();
        let looks = |schema, has| sought.is_nowhere(("key", "t"), schema, has, ["a", "b"]);
        assert!(!looks("a", false), "b may have it");
        assert!(!looks("b", true));
        assert!(looks("b", false), "it is gone there, too");
        assert!(!looks("a", true), "it came");
        assert!(!sought.is_nowhere(("other key", "t"), "b", false, ["a", "b"]));
    }
}
