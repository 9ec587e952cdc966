//! Finds all forms of all known secrets in a text.
//!
//! Every form is found by its first bytes, and then compared: a cut text may end within it.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use aho_corasick::AhoCorasick;

use super::{
    HIDDEN, VALUE_BYTES_MIN,
    forms::{self, Form},
    views::View,
};

pub(super) struct Matcher {
    beginnings: AhoCorasick,
    /// The forms that begin so, by the number of the beginning.
    forms: Vec<Vec<Form>>,
}

impl Matcher {
    /// None for no values, and for more than the search takes, which their bounds rule out.
    pub(super) fn new<'a>(values: impl IntoIterator<Item = &'a String>) -> Option<Self> {
        let mut by_beginning: BTreeMap<Vec<u8>, Vec<Form>> = BTreeMap::new();
        for form in values.into_iter().flat_map(|value| forms::of(value)) {
            let beginning = form.bytes.iter().take(VALUE_BYTES_MIN).copied().collect();
            by_beginning.entry(beginning).or_default().push(form);
        }
        if by_beginning.is_empty() {
            return None;
        }
        let beginnings = AhoCorasick::new(by_beginning.keys()).ok()?;
        Some(Self { beginnings, forms: by_beginning.into_values().collect() })
    }

    /// The text with [`HIDDEN`] for each secret. Of one that was `cut`, also for the beginning of a
    /// secret at its end.
    pub(super) fn redact<'a>(&self, text: &'a str, cut: bool) -> Cow<'a, str> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for view in View::all(text, cut) {
            self.find(&view, text.len(), cut, &mut found);
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_by_key(|range| range.start);
        let mut clean = String::with_capacity(text.len());
        let mut done = 0;
        for range in found {
            let start = text.floor_char_boundary(range.start);
            let end = text.ceil_char_boundary(range.end);
            // One that lies within the last or goes on from it is part of it.
            if start > done || (start == 0 && done == 0) {
                clean.push_str(text.get(done..start).unwrap_or_default());
                clean.push_str(HIDDEN);
            }
            done = done.max(end);
        }
        clean.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(clean)
    }

    fn find(&self, view: &View, text_end: usize, cut: bool, found: &mut Vec<Range<usize>>) {
        for beginning in self.beginnings.find_overlapping_iter(&view.bytes) {
            let start = beginning.start();
            let rest = &view.bytes[start..];
            for form in &self.forms[beginning.pattern().as_usize()] {
                let same = form.bytes.iter().zip(rest).take_while(|(one, other)| one == other);
                let length = same.count();
                if length == form.bytes.len() {
                    found.push(view.source(with_neighbours(&view.bytes, start, form)));
                } else if cut && length == rest.len() {
                    found.push(view.source(start..view.bytes.len()).start..text_end);
                }
            }
        }
    }
}

/// The place of a form, with the characters beside it that hold some of its bits.
fn with_neighbours(bytes: &[u8], start: usize, form: &Form) -> Range<usize> {
    let is_base64 = |at: usize| {
        bytes.get(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte))
    };
    let end = start + form.bytes.len();
    let before = start.checked_sub(1).filter(|at| form.head && is_base64(*at));
    let behind = usize::from(form.tail && is_base64(end));
    before.unwrap_or(start)..end + behind
}
