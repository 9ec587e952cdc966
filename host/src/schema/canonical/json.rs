//! The canonical form of JSON: equal where the values are, whatever their texts.
//!
//! Members of an object have no order, and the last of one name counts. Numbers are what they say to the last digit,
//! so `1.0` is `1e0`. Texts that are no JSON, or that this does not read (deeper than 128 levels, half a surrogate
//! pair), have no form and are compared as they stand.

use std::collections::BTreeMap;

const DEPTH_MAX: usize = 128;

/// The form of a text's value.
pub(super) fn canonical(text: &str) -> Option<Vec<u8>> {
    let mut reader = Reader { text, at: 0 };
    let mut form = Vec::with_capacity(text.len());
    reader.value(0, &mut form)?;
    reader.blank();
    (reader.at == text.len()).then_some(form)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Passes over a byte behind blanks, if it is the next one.
    fn takes(&mut self, byte: u8) -> bool {
        self.blank();
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    fn value(&mut self, depth: usize, form: &mut Vec<u8>) -> Option<()> {
        self.blank();
        match self.peek().filter(|_| depth < DEPTH_MAX)? {
            b'{' => self.object(depth, form),
            b'[' => self.list(depth, form),
            b'"' => {
                let text = self.string()?;
                form.push(b'"');
                long(form, text.as_bytes());
                Some(())
            }
            first @ (b't' | b'f' | b'n') => {
                self.word(match first {
                    b't' => "true",
                    b'f' => "false",
                    _ => "null",
                })?;
                form.push(first);
                Some(())
            }
            _ => self.number(form),
        }
    }

    fn object(&mut self, depth: usize, form: &mut Vec<u8>) -> Option<()> {
        self.at += 1;
        let mut members: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        if !self.takes(b'}') {
            loop {
                self.blank();
                let name = self.string()?;
                self.takes(b':').then_some(())?;
                let mut value = Vec::new();
                self.value(depth + 1, &mut value)?;
                members.insert(name, value);
                if !self.takes(b',') {
                    self.takes(b'}').then_some(())?;
                    break;
                }
            }
        }
        form.push(b'{');
        for (name, value) in members {
            long(form, name.as_bytes());
            form.extend(value);
        }
        form.push(b'}');
        Some(())
    }

    fn list(&mut self, depth: usize, form: &mut Vec<u8>) -> Option<()> {
        self.at += 1;
        form.push(b'[');
        if !self.takes(b']') {
            loop {
                self.value(depth + 1, form)?;
                if !self.takes(b',') {
                    self.takes(b']').then_some(())?;
                    break;
                }
            }
        }
        form.push(b']');
        Some(())
    }

    /// A string, read by `serde_json`, which knows its escapes.
    fn string(&mut self) -> Option<String> {
        let begin = self.at;
        (self.peek()? == b'"').then(|| self.at += 1)?;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let quoted = self.text.get(begin..self.at)?;
        match quoted.contains('\\') {
            true => serde_json::from_str(quoted).ok(),
            false => Some(quoted[1..quoted.len() - 1].to_owned()),
        }
    }

    /// Its digits without zeros at either end, and the power of ten that the last one counts.
    fn number(&mut self, form: &mut Vec<u8>) -> Option<()> {
        let is_negative = self.peek() == Some(b'-');
        self.at += usize::from(is_negative);
        let whole = self.digits()?;
        let fraction = match self.peek() {
            Some(b'.') => {
                self.at += 1;
                self.digits()?
            }
            _ => "",
        };
        let mut power = match self.peek() {
            Some(b'e' | b'E') => {
                self.at += 1;
                let begin = self.at;
                self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
                self.digits()?;
                self.text.get(begin..self.at)?.parse::<i64>().ok()?
            }
            _ => 0,
        };
        power = power.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_start_matches('0').trim_end_matches('0');
        let zeros = digits.len() - digits.trim_end_matches('0').len();
        power = power.checked_add(i64::try_from(zeros).ok()?)?;
        if significant.is_empty() {
            form.extend_from_slice(b"0;");
            return Some(());
        }
        let sign = if is_negative { "-" } else { "" };
        form.extend_from_slice(format!("{sign}{significant}e{power};").as_bytes());
        Some(())
    }

    fn digits(&mut self) -> Option<&'t str> {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.text.get(begin..self.at).filter(|digits| !digits.is_empty())
    }
}

/// Appends bytes with their length in front.
pub(super) fn long(form: &mut Vec<u8>, value: &[u8]) {
    form.extend_from_slice(&(value.len() as u64).to_le_bytes());
    form.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_has_one_form() {
        for (one, other) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("-0", "0.000"),
            ("0.10", "1E-1"),
            ("123456789012345678901234567890.5", "1234567890123456789012345678905e-1"),
            (r#"{"a":1,"b":[true,null]}"#, "{ \"b\" : [ true , null ],\n\"a\":1 }"),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#""\u00fc\n""#, "\"ü\\u000a\""),
            ("[]", "[ ]"),
            ("{}", "{ }"),
        ] {
            let form = canonical(one);
            assert!(form.is_some(), "{one}");
            assert_eq!(form, canonical(other), "{one} {other}");
        }
    }

    #[test]
    fn what_says_something_else_has_another() {
        for (one, other) in [
            ("1", "\"1\""),
            ("1", "-1"),
            ("10", "1"),
            ("0.1", "0.01"),
            ("12345678901234567890123", "12345678901234567890124"),
            ("null", "\"null\""),
            ("[1,2]", "[2,1]"),
            ("[12]", "[1,2]"),
            ("[[1],2]", "[1,[2]]"),
            (r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#),
            (r#"{"a":{"b":1}}"#, r#"{"a":1}"#),
            ("\"a\"", "\"a \""),
        ] {
            assert_ne!(canonical(one), canonical(other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_none_has_none() {
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        let texts = [
            "",
            "{",
            "[1,]",
            "nul",
            "1 2",
            "\"a",
            "{\"a\"}",
            ".5",
            "1.",
            "-",
            "\"\\",
            "\"\\ud800\"",
        ];
        for text in texts.into_iter().chain([deep.as_str()]) {
            assert_eq!(canonical(text), None, "{text:.40}");
        }
    }
}
