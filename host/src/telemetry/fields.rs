//! Fields of spans and events, kept as values until a line is written.

use std::{borrow::Cow, error::Error, fmt};

use serde_json::Value;
use tracing::field::{Field, Visit};

use crate::model::{redaction::redact_prefix, text::fitting};

/// What the message or a field may take in a line, escaped (I7). An error has less, with its causes.
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Fields in the order in which they were first recorded; a name appears once.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// A later value of the same name replaces the earlier one: the nearest span knows best.
    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    pub(super) fn merge(&mut self, nearer: &Self) {
        for (name, value) in &nearer.0 {
            self.set(name, value.clone());
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(index).1)
    }

    /// Takes known secrets out and cuts what is too long, whoever brought it: the last gate before
    /// the line.
    pub(super) fn clean(&mut self) {
        for (_, value) in &mut self.0 {
            let Value::String(text) = value else { continue };
            if let Cow::Owned(clean) = redact_prefix(text, VALUE_BYTES_MAX) {
                *text = clean;
            }
            let fitting = fitting(text, VALUE_BYTES_MAX).len();
            if fitting < text.len() {
                text.truncate(fitting);
                text.push('…');
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(&'static str, Value)> {
        self.0.iter()
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinities; the word is better than null.
        let word = || value.to_string().into();
        self.set(
            field.name(),
            serde_json::Number::from_f64(value).map_or_else(word, Value::Number),
        );
    }

    /// An error with everything that caused it.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let causes =
            std::iter::successors(Some(value), |error: &&(dyn Error + 'static)| (*error).source());
        let text: Vec<_> = causes.map(ToString::to_string).collect();
        self.set(field.name(), text.join(": ").into());
    }
}
