//! The path of a key: `schemas.0.name` in words, `SCHEMAS__0__NAME` as a variable.

use std::fmt;

/// One step of a path. The order is the order environment variables are applied in: items of a
/// list by number, so that the tenth comes after the second.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Segment {
    Index(usize),
    Key(String),
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
        self.then(Segment::Key(name.to_owned()))
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

    pub(super) fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|segment| match segment {
            Segment::Key(name) => Some(name.as_str()),
            Segment::Index(_) => None,
        })
    }

    /// Whether the path has the pattern's form, in which `*` stands for any one step.
    pub(super) fn has_form(&self, pattern: &str) -> bool {
        let steps: Vec<&str> = pattern.split('.').collect();
        let matches = |(segment, step): (&Segment, &&str)| {
            *step == "*" || matches!(segment, Segment::Key(name) if name == step)
        };
        steps.len() == self.0.len() && self.0.iter().zip(&steps).all(matches)
    }
}

impl From<&str> for Segment {
    fn from(part: &str) -> Self {
        part.parse().map_or_else(|_| Self::Key(part.to_owned()), Self::Index)
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
