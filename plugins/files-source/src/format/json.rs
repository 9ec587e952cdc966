//! Reads the fields of one JSON object without building it.
//!
//! The hot path of the connector: names and values are slices of the line. Escapes, which are rare, are
//! left to serde_json. The depth limit guards the stack.

use std::borrow::Cow;

use super::Token;

/// Nesting of one value: what every reader of JSON down the line can follow.
const DEPTH_MAX: usize = 120;

/// Calls `field` for each field of the object in `line`, in order. A name may come twice.
///
/// # Errors
/// Why the line is not a JSON object; fields before the fault have been seen.
pub fn fields<'a>(
    line: &'a str,
    mut field: impl FnMut(Cow<'a, str>, Token<'a>),
) -> Result<(), String> {
    let mut scanner = Scanner { text: line, at: 0, depth: 0 };
    scanner.object(&mut field)?;
    scanner.end()
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Objects and arrays around, the outermost object aside.
    depth: usize,
}

impl<'a> Scanner<'a> {
    fn fault(&self, what: &str) -> String {
        format!("{what} at byte {}", self.at + 1)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The next byte that is not blank.
    fn peek(&mut self) -> Option<u8> {
        self.skip_blanks();
        self.byte()
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.peek() != Some(byte) {
            return Err(self.fault(&format!("`{}` is missing", byte as char)));
        }
        self.at += 1;
        Ok(())
    }

    fn end(mut self) -> Result<(), String> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault("something follows the object")),
        }
    }

    fn value(&mut self) -> Result<Token<'a>, String> {
        match self.peek() {
            Some(b'"') => {
                let (raw, text) = self.string()?;
                Ok(Token::Text { raw, text })
            }
            Some(b'{' | b'[') => self.nested(),
            Some(b't') => self.word("true", Token::Bool(true)),
            Some(b'f') => self.word("false", Token::Bool(false)),
            Some(b'n') => self.word("null", Token::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.fault("a value is missing")),
        }
    }

    fn word(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, String> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.fault("a value is missing"));
        }
        self.at += word.len();
        Ok(token)
    }

    /// The string with its quotes, and what it says.
    fn string(&mut self) -> Result<(&'a str, Cow<'a, str>), String> {
        if self.byte() != Some(b'"') {
            return Err(self.fault("a string is missing"));
        }
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(0..0x20) => return Err(self.fault("a control character is not escaped")),
                Some(_) => self.at += 1,
                None => return Err(self.fault("a string has no end")),
            }
        }
        self.at += 1;
        let raw = &self.text[start..self.at];
        if !escaped {
            return Ok((raw, Cow::Borrowed(&raw[1..raw.len() - 1])));
        }
        let text: String = serde_json::from_str(raw).map_err(|error| error.to_string())?;
        Ok((raw, Cow::Owned(text)))
    }

    fn digits(&mut self) -> Result<(), String> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.fault("a digit is missing")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Token<'a>, String> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        let first = self.at;
        self.digits()?;
        if self.text.as_bytes()[first] == b'0' && self.at > first + 1 {
            return Err(self.fault("a number begins with zero"));
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Token::Number(&self.text[start..self.at]))
    }

    fn object(&mut self, field: &mut dyn FnMut(Cow<'a, str>, Token<'a>)) -> Result<(), String> {
        self.expect(b'{')?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip_blanks();
            let (_, name) = self.string()?;
            self.expect(b':')?;
            let value = self.value()?;
            field(name, value);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break self.at += 1,
                _ => return Err(self.fault("`,` or `}` is missing")),
            }
        }
        Ok(())
    }

    fn array(&mut self) -> Result<(), String> {
        self.expect(b'[')?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break self.at += 1,
                _ => return Err(self.fault("`,` or `]` is missing")),
            }
        }
        Ok(())
    }

    /// An object or array within. Of a name that comes twice, readers would keep one of the values, and
    /// not all of them the same.
    fn nested(&mut self) -> Result<Token<'a>, String> {
        if self.depth == DEPTH_MAX {
            return Err(self.fault("objects and arrays are nested too deeply"));
        }
        let start = self.at;
        self.depth += 1;
        if self.byte() == Some(b'[') {
            self.array()?;
        } else {
            let mut names = Vec::new();
            self.object(&mut |name, _| names.push(name))?;
            names.sort_unstable();
            if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(self.fault(&format!("an object has the field {} twice", twice[0])));
            }
        }
        self.depth -= 1;
        Ok(Token::Nested(&self.text[start..self.at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Vec<(String, String)>, String> {
        let mut found = Vec::new();
        fields(line, |name, token| found.push((name.into_owned(), format!("{token:?}"))))?;
        Ok(found)
    }

    #[test]
    fn agrees_with_serde_json_on_what_is_an_object() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        let cases = [
            "{}",
            " { } ",
            r#"{"a":1}"#,
            r#"{"a": -0.5e+3 , "b":[1,{"c":"]}\""}],"d":null}"#,
            r#"{"é":"ü\n\u00e9"}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":-}"#,
            r#"{"a":1e}"#,
            r#"{"a":tru}"#,
            r#"{"a"}"#,
            r#"{"a":1,}"#,
            r#"{"a":1"b":2}"#,
            r#"{"a":1} x"#,
            "{",
            "",
            r#"{"a":"b}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":[1}"#,
            r#"{"a":[1}]}"#,
            "{\"a\":\"\u{1}\"}",
            r#"{"a":"\"}"#,
            "\"\\",
            r#"{"a":"\é"}"#,
            r#"[1]"#,
            "1",
            deep.as_str(),
            r#"{"a":nullx}"#,
        ];
        for line in cases {
            let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line);
            assert_eq!(read(line).is_ok(), theirs.is_ok(), "{line}: {:?}", read(line));
        }
    }

    #[test]
    fn a_name_within_comes_once_however_it_is_written() {
        for line in [r#"{"a":{"b":1,"b":2}}"#, r#"{"a":[[{"b":1,"\u0062":null}]]}"#] {
            assert!(read(line).unwrap_err().contains("field b twice"), "{line}");
        }
        assert!(read(r#"{"a":[{"b":1},{"b":{"b":[]}},1e400]}"#).is_ok());
    }

    #[test]
    fn every_prefix_of_a_line_is_refused_without_a_panic() {
        let line = r#"{"a":{"b":["\"]\\",1.5e-3,true]},"c\u00fc":"d\\","e":-12}"#;
        assert!(read(line).is_ok());
        for end in (0..line.len()).filter(|end| line.is_char_boundary(*end)) {
            assert!(read(&line[..end]).is_err(), "{}", &line[..end]);
        }
    }
}
