//! The path of a key: `schemas.0.name` in words, `SCHEMAS__0__NAME` as a variable.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// One step of a path; keys are shared, since many paths have the same beginning. The order is the order environment variables are applied in: items of a
/// list by number, so that the tenth comes after the second.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Segment {
    Index(usize),
    Key(Arc<str>),
}

/// Where a value stands in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct KeyPath(Vec<Segment>);

impl KeyPath {
    /// Reads `a.0.b`, or with `__` the lower-cased name of a variable.
    pub(super) fn parse(text: &str, separator: &str) -> Self {
        Self(text.split(separator).filter(|part| !part.is_empty()).map(Segment::from).collect())
    }

    pub(super) fn key(&self, name: &str) -> Self {
        self.then(Segment::Key(name.into()))
    }

    pub(super) fn index(&self, position: usize) -> Self {
        self.then(Segment::Index(position))
    }

    pub(super) fn then(&self, segment: Segment) -> Self {
        let mut longer = self.clone();
        longer.0.push(segment);
        longer
    }

    pub(super) fn parent(&self) -> Option<Self> {
        let (_, front) = self.0.split_last()?;
        Some(Self(front.to_vec()))
    }

    /// The path and its parents up to the root, nearest first.
    pub(super) fn upwards(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.0
    }

    pub(super) fn starts_with(&self, front: &Self) -> bool {
        self.0.starts_with(&front.0)
    }

    /// The named steps, without the numbers of items.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Key(name) => Some(name.as_ref()),
            Segment::Index(_) => None,
        })
    }

    /// The value at this path.
    pub(super) fn find<'a>(&self, tree: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(tree, |place, segment| match segment {
            Segment::Key(name) => place.get(name.as_ref()),
            Segment::Index(position) => place.get(position),
        })
    }

    /// The pattern with each `*` replaced by this path's step at the same depth.
    pub(super) fn fill(&self, pattern: &str) -> Self {
        let steps = pattern.split('.').enumerate();
        Self(
            steps
                .map(|(depth, step)| match self.0.get(depth) {
                    Some(own) if step == "*" => own.clone(),
                    _ => Segment::Key(step.into()),
                })
                .collect(),
        )
    }

    /// Whether the path has the pattern's form, in which `*` stands for any one step.
    pub(super) fn has_form(&self, pattern: &str) -> bool {
        let steps: Vec<&str> = pattern.split('.').collect();
        let matches = |(segment, step): (&Segment, &&str)| {
            *step == "*" || matches!(segment, Segment::Key(name) if name.as_ref() == *step)
        };
        steps.len() == self.0.len() && self.0.iter().zip(&steps).all(matches)
    }
}

impl From<&str> for Segment {
    fn from(part: &str) -> Self {
        part.parse().map_or_else(|_| Self::Key(part.into()), Self::Index)
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(position) => write!(f, "{position}"),
            Self::Key(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            let dot = if position == 0 { "" } else { "." };
            write!(f, "{dot}{segment}")?;
        }
        Ok(())
    }
}
