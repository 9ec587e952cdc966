//! Where each key of the file stands.
//!
//! Values are read by `serde_yaml`, which keeps no positions; this second, event-wise reading keeps
//! nothing else.
//! Invariant: what nests deeper than [`DEPTH_MAX`], or grows by its aliases (`expansion`), is refused
//! here, before anything recurses or is built.

use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, Span};

use super::expansion::{Expansion, VALUES_MAX};
use super::path::KeyPath;
use crate::model::redaction::is_secret_name;

/// Far deeper than any key; only options may nest freely.
pub(super) const DEPTH_MAX: usize = 64;

/// A range of characters (not bytes) of the text.
pub(super) type Chars = Range<usize>;

/// The places of all keys and values.
#[derive(Default)]
pub(super) struct Spans {
    keys: BTreeMap<KeyPath, Chars>,
    values: BTreeMap<KeyPath, Chars>,
    /// Keys written a second time, and where.
    pub(super) duplicates: Vec<(KeyPath, Chars)>,
}

/// Why the text can't be mapped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unmapped {
    #[error("not YAML: {reason}")]
    Syntax { at: Chars, reason: String },
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep { at: Chars },
    #[error("more than {VALUES_MAX} values or some megabytes, aliases counted as often as used")]
    TooMuch { at: Chars },
    #[error("a second document begins here; a configuration is one document")]
    SecondDocument { at: Chars },
}

impl Unmapped {
    pub(super) fn at(&self) -> Chars {
        match self {
            Self::Syntax { at, .. }
            | Self::TooDeep { at }
            | Self::TooMuch { at }
            | Self::SecondDocument { at } => at.clone(),
        }
    }
}

/// A map or list that is being read.
enum Open {
    Map { path: KeyPath, key: Option<String> },
    List { path: KeyPath, next: usize },
}

impl Spans {
    pub(super) fn read(text: &str) -> Result<Self, Unmapped> {
        let mut spans = Self::default();
        let mut open: Vec<Open> = Vec::new();
        let mut documents = 0;
        let mut expansion = Expansion::default();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|e| Unmapped::Syntax {
                at: e.marker().index()..e.marker().index(),
                reason: e.info().to_owned(),
            })?;
            let at = chars(span);
            if !expansion.count(&event) {
                return Err(Unmapped::TooMuch { at });
            }
            match event {
                Event::DocumentStart(_) => documents += 1,
                Event::Scalar(text, ..) => drop(spans.place(&mut open, at.clone(), Some(&text))),
                Event::Alias(_) => drop(spans.place(&mut open, at.clone(), None)),
                Event::SequenceStart(..) => {
                    let path = spans.place(&mut open, at.clone(), None);
                    open.push(Open::List { path, next: 0 });
                }
                Event::MappingStart(..) => {
                    let path = spans.place(&mut open, at.clone(), None);
                    open.push(Open::Map { path, key: None });
                }
                Event::SequenceEnd | Event::MappingEnd => drop(open.pop()),
                _ => {}
            }
            if open.len() > DEPTH_MAX {
                return Err(Unmapped::TooDeep { at });
            }
            if documents > 1 {
                return Err(Unmapped::SecondDocument { at });
            }
        }
        Ok(spans)
    }

    /// Notes what begins here, a key or a value, and says what its path is.
    fn place(&mut self, open: &mut [Open], at: Chars, scalar: Option<&str>) -> KeyPath {
        let path = match open.last_mut() {
            None => KeyPath::default(),
            Some(Open::List { path, next }) => {
                let item = path.index(*next);
                *next += 1;
                item
            }
            Some(Open::Map { path, key }) => match key.take() {
                Some(name) => path.key(&name),
                None => {
                    // A key that is no scalar has no name; reading the values refuses it.
                    let name = scalar.unwrap_or("?").to_owned();
                    let entry = path.key(&name);
                    if self.keys.contains_key(&entry) {
                        self.duplicates.push((entry.clone(), at.clone()));
                    }
                    self.keys.entry(entry.clone()).or_insert(at);
                    *key = Some(name);
                    return entry;
                }
            },
        };
        self.values.entry(path.clone()).or_insert(at);
        path
    }

    /// Values of free form that stand under a key named like a secret.
    pub(super) fn secrets(&self) -> impl Iterator<Item = Chars> {
        let is_secret = |path: &KeyPath| {
            let mut keys = path.keys().skip_while(|key| !["options", "environment"].contains(key));
            keys.any(is_secret_name)
        };
        self.values.iter().filter(move |(path, _)| is_secret(path)).map(|(_, at)| at.clone())
    }

    /// Where the key stands, or the nearest thing around it.
    pub(super) fn key(&self, path: &KeyPath) -> Chars {
        self.nearest(path, [&self.keys, &self.values])
    }

    /// Where the value stands; for a map or list, its key.
    pub(super) fn value(&self, path: &KeyPath) -> Chars {
        self.nearest(path, [&self.values, &self.keys])
    }

    fn nearest(&self, path: &KeyPath, order: [&BTreeMap<KeyPath, Chars>; 2]) -> Chars {
        let visible = |level: &KeyPath| {
            let mut found = order.iter().filter_map(|places| places.get(level));
            let first = found.next()?;
            if first.is_empty() { found.next().or(Some(first)) } else { Some(first) }.cloned()
        };
        path.upwards().find_map(|level| visible(&level)).unwrap_or(0..0)
    }
}

fn chars(span: Span) -> Chars {
    span.start.index()..span.end.index().max(span.start.index())
}
