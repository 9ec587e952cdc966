//! One event as one line of text.

use std::{borrow::Cow, fmt::Write};

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use tracing::Level;

use super::{Format, fields::Fields};
use crate::model::text;

/// Keys that the line itself uses in JSON; a field of the same name gets a trailing `_`.
const RESERVED: [&str; 4] = ["timestamp", "level", "target", "message"];

/// An event with the fields of its spans.
pub(super) struct Line {
    pub timestamp: String,
    pub level: Level,
    pub target: String,
    pub message: String,
    pub fields: Fields,
}

impl Line {
    /// Whether it comes from this program or a connector, not from a library.
    pub(super) fn is_ours(&self) -> bool {
        self.target == "plugin" || self.target.starts_with(env!("CARGO_CRATE_NAME"))
    }

    /// The line, its line break included.
    pub(super) fn render(&self, format: Format) -> String {
        let mut text = match format {
            Format::Json => self.json(),
            Format::Human { colour } => self.human(colour),
        };
        text.push('\n');
        text
    }

    fn json(&self) -> String {
        let text = match serde_json::to_string(self) {
            Ok(text) => text,
            Err(error) => Value::from(error.to_string()).to_string(),
        };
        // serde_json escapes C0 only; what else a terminal obeys can stand as \u in JSON too.
        text::escaped_json(text)
    }

    fn human(&self, colour: bool) -> String {
        let paint = |code: &str, text: &str| match colour {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        };
        let time = paint("2", &self.timestamp);
        let level = paint(level_colour(self.level), &format!("{:>5}", self.level.as_str()));
        let mut text = format!("{time} {level} {}", escaped(&self.message));
        let mut pair = |name: &str, value: &str| {
            // Writing into a String cannot fail.
            let _ = write!(text, " {}{value}", paint("2", &format!("{name}=")));
        };
        for (name, value) in self.fields.iter() {
            pair(name, &plain(value));
        }
        if self.level > Level::INFO || !self.target.starts_with(env!("CARGO_CRATE_NAME")) {
            pair("target", &escaped(&self.target));
        }
        text
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        map.serialize_entry("level", self.level.as_str())?;
        map.serialize_entry("target", &self.target)?;
        map.serialize_entry("message", &self.message)?;
        for (name, value) in self.fields.iter() {
            match RESERVED.contains(name) {
                true => map.serialize_entry(&format!("{name}_"), value)?,
                false => map.serialize_entry(name, value)?,
            }
        }
        map.end()
    }
}

fn escaped(text: &str) -> Cow<'_, str> {
    text::escaped(text, |_| false)
}

/// A value for eyes: quoted only where its end would not be seen.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let text = escaped(text);
            match text.is_empty() || text.contains([' ', '"', '=']) {
                true => format!("\"{}\"", text.replace('"', "\\\"")),
                false => text.into_owned(),
            }
        }
        other => other.to_string(),
    }
}

fn level_colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        _ => "2",
    }
}
