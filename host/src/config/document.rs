//! The configuration file as text: reading it, and pointing into it.
//!
//! Invariant: what an error quotes is the redacted text; it is as long as the original.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use miette::NamedSource;
use serde_json::{Map, Value};

use super::error::{Code, ConfigError, Place, Problem};
use super::lines::Lines;
use super::path::KeyPath;
use super::redact::redact;
use super::spans::{Chars, Spans};
use crate::model::text::{covered, escaped};

/// More than any real configuration; a bigger file is some other file.
const FILE_SIZE_MAX: u64 = 1 << 20;

pub(super) struct Document {
    name: String,
    text: String,
    source: Arc<NamedSource<String>>,
    spans: Spans,
    lines: Lines,
    quotable: bool,
}

/// A longer line is no configuration a person wrote, and would fill the screen.
const LINE_BYTES_QUOTED_MAX: usize = 500;

/// Whether an error points at the key or at its value.
#[derive(Clone, Copy)]
pub(super) enum At {
    Key,
    Value,
}

impl Document {
    /// Reads the file and its values.
    pub(super) fn read(path: &Path) -> Result<(Self, Value), ConfigError> {
        let name = path.display().to_string();
        let text = read_text(path).map_err(|(message, help)| {
            let message = format!("{name}: {message}");
            Problem::of_program(Code::Unreadable, message, help.to_owned())
        })?;
        Self::parse(name, text)
    }

    pub(super) fn parse(name: String, text: String) -> Result<(Self, Value), ConfigError> {
        let source = Arc::new(NamedSource::new(escaped(&name, |_| false), covered(&redact(&text))));
        let lines = Lines::of(&text);
        let quotable = text.lines().all(|line| line.len() <= LINE_BYTES_QUOTED_MAX);
        let mut document = Self { name, text, source, spans: Spans::default(), lines, quotable };
        document.spans = Spans::read(&document.text).map_err(|unmapped| {
            let help = "mend the text at this place; `cartridge-warp init` writes a valid file";
            document.problem_at(Code::NotYaml, unmapped.at(), unmapped.to_string(), help.into())
        })?;
        document.hide_secrets();
        document.refuse_duplicates()?;
        let value = document.values()?;
        Ok((document, value))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Hides what only its key shows to be a secret, such as a text over several lines.
    fn hide_secrets(&mut self) {
        let mut shown = self.source.inner().clone();
        for at in self.spans.secrets() {
            let byte = |character| self.lines.byte(&self.text, character);
            let range = byte(at.start)..byte(at.end);
            let Some(secret) = shown.get(range.clone()) else { continue };
            let star = |c: char| if c == '\n' { c.to_string() } else { "*".repeat(c.len_utf8()) };
            let stars: String = secret.chars().map(star).collect();
            shown.replace_range(range, &stars);
        }
        self.source = Arc::new(NamedSource::new(&self.name, shown));
    }

    fn refuse_duplicates(&self) -> Result<(), ConfigError> {
        let problem = |(path, at): &(KeyPath, Chars)| {
            let (line, _) = self.lines.line_and_column(self.spans.key(path).start);
            let message = format!("the key `{path}` is written twice");
            let help = format!("keep one of them; the first is on line {line}");
            self.problem_at(Code::DuplicateKey, at.clone(), message, help)
        };
        ConfigError::unless_empty(self.spans.duplicates.iter().map(problem).collect())
    }

    fn values(&self) -> Result<Value, ConfigError> {
        let yaml = || -> Result<serde_yaml::Value, serde_yaml::Error> {
            let mut value: serde_yaml::Value = serde_yaml::from_str(&self.text)?;
            value.apply_merge()?;
            Ok(value)
        };
        let yaml = yaml().map_err(|error| {
            // Its positions count bytes; ours count characters.
            let byte = error.location().map_or(0, |location| location.index());
            let at = self.text.char_indices().take_while(|(start, _)| *start < byte).count();
            let help = "mend the text at this place; `cartridge-warp init` writes a valid file";
            let message = format!("not YAML this can read: {}", redact(&error.to_string()));
            self.problem_at(Code::NotYaml, at..at, message, help.into())
        })?;
        match json(yaml, &KeyPath::default()) {
            Ok(Value::Null) => Ok(Value::Object(Map::new())),
            Ok(map @ Value::Object(_)) => Ok(map),
            Ok(_) => {
                let help = "write keys such as `source:` and `destination:` at the top level";
                let message = "the file is not a map of keys".to_owned();
                Err(self.problem_at(Code::NotYaml, 0..0, message, help.into()).into())
            }
            Err((path, message)) => {
                let at = self.spans.value(&path);
                let help = "write plain text, numbers, true, false, lists and maps".to_owned();
                Err(self.problem_at(Code::NotYaml, at, message, help).into())
            }
        }
    }

    pub(super) fn place(&self, path: &KeyPath, at: At) -> Place {
        self.place_of(match at {
            At::Key => self.spans.key(path),
            At::Value => self.spans.value(path),
        })
    }

    /// The line of a value, counted from 1.
    pub(super) fn line(&self, path: &KeyPath) -> usize {
        self.lines.line_and_column(self.spans.value(path).start).0
    }

    fn place_of(&self, at: Chars) -> Place {
        let byte = |character| self.lines.byte(&self.text, character);
        let (start, end) = (byte(at.start), byte(at.end));
        // A label across lines says less than one on the first of them.
        let visible = self.text[start..end].lines().next().map_or(0, |l| l.trim_end().len());
        let (line, column) = self.lines.line_and_column(at.start);
        let source = Arc::clone(&self.source);
        let span = (start, visible).into();
        Place::File { source, span, line, column, quotable: self.quotable }
    }

    fn problem_at(&self, code: Code, at: Chars, message: String, help: String) -> Problem {
        Problem::new(code, self.place_of(at), &message, &help)
    }
}

fn read_text(path: &Path) -> Result<String, (String, &'static str)> {
    let missing = "give the path of a configuration file; `cartridge-warp init` writes one";
    let unreadable = |error: std::io::Error| (format!("cannot be read: {error}"), missing);
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(("is a directory, not a file".to_owned(), missing));
    }
    let mut bytes = Vec::new();
    // The size is asked of the bytes, not of the metadata: a pipe has none.
    let mut limited = File::open(path).map_err(unreadable)?.take(FILE_SIZE_MAX + 1);
    limited.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_SIZE_MAX {
        let message = format!("is bigger than {} MiB", FILE_SIZE_MAX >> 20);
        return Err((message, "check the path; a configuration is a few kilobytes"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let message = format!("is not UTF-8 at byte {}", error.utf8_error().valid_up_to());
        (message, "save the file as UTF-8")
    })?;
    // A byte order mark is no part of the text, and one of the two readers would count it.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The JSON form of a YAML value; where it has none, the path and why.
fn json(yaml: serde_yaml::Value, path: &KeyPath) -> Result<Value, (KeyPath, String)> {
    use serde_yaml::Value as Yaml;
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => Value::Bool(flag),
        Yaml::String(text) => Value::String(text),
        Yaml::Number(number) => serde_json::to_value(&number)
            .ok()
            .filter(Value::is_number)
            .ok_or_else(|| (path.clone(), format!("`{path}`: {number} is not a number to use")))?,
        Yaml::Sequence(items) => {
            let items = items.into_iter().enumerate();
            let items = items.map(|(position, item)| json(item, &path.index(position)));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (name, value) in entries {
                let Yaml::String(name) = name else {
                    return Err((path.clone(), format!("a key under `{path}` is not text")));
                };
                let value = json(value, &path.key(&name))?;
                map.insert(name, value);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tagged) => {
            return Err((path.clone(), format!("`{path}`: the tag {} means nothing", tagged.tag)));
        }
    })
}
