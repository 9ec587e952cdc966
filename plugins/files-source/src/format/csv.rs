//! CSV records as RFC 4180 has them: fields between delimiters, quoted where they contain one, a
//! quote within quotes doubled, records ended by LF or CRLF.

use std::borrow::Cow;

use memchr::memchr;

/// The index of the line feed that ends the record which begins `bytes`; none while it is
/// incomplete.
pub fn record_end(bytes: &[u8], delimiter: u8) -> Option<usize> {
    // Most records have no quote before their line feed, and then that is the end.
    let line_end = memchr(b'\n', bytes);
    if let Some(end) = line_end
        && memchr(b'"', &bytes[..end]).is_none()
    {
        return Some(end);
    }
    let mut at = 0;
    loop {
        if bytes.get(at) == Some(&b'"') {
            at = closing_quote(bytes, at)? + 1;
        }
        let rest = bytes.get(at..)?;
        let stop = rest.iter().position(|byte| *byte == delimiter || *byte == b'\n')?;
        if rest[stop] == b'\n' {
            return Some(at + stop);
        }
        at += stop + 1;
    }
}

/// The end of the last complete record in `bytes`, which begin with a record.
pub fn last_record_end(bytes: &[u8], delimiter: u8) -> usize {
    if memchr(b'"', bytes).is_none() {
        return memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1);
    }
    let mut at = 0;
    while let Some(end) = record_end(&bytes[at..], delimiter) {
        at += end + 1;
    }
    at
}

/// The quote that closes the one at `open`.
fn closing_quote(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// The fields of one record without its line end; for each, whether it was quoted.
///
/// # Errors
/// Why it is no record.
pub fn fields(record: &str, delimiter: u8) -> Result<Vec<(Cow<'_, str>, bool)>, String> {
    let bytes = record.as_bytes();
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        if bytes.get(at) == Some(&b'"') {
            let close = closing_quote(bytes, at)
                .ok_or_else(|| format!("field {} has no closing quote", fields.len() + 1))?;
            let inner = &record[at + 1..close];
            let text = match memchr(b'"', inner.as_bytes()) {
                Some(_) => Cow::Owned(inner.replace("\"\"", "\"")),
                None => Cow::Borrowed(inner),
            };
            fields.push((text, true));
            at = close + 1;
            // Blanks there are nobody's value: some write `"id" ,"name"`.
            while bytes.get(at).is_some_and(|byte| b" \t".contains(byte) && *byte != delimiter) {
                at += 1;
            }
            if bytes.get(at).is_some_and(|byte| *byte != delimiter) {
                return Err(format!("field {} goes on after its closing quote", fields.len()));
            }
        } else {
            let end = memchr(delimiter, &bytes[at..]).map_or(bytes.len(), |end| at + end);
            fields.push((Cow::Borrowed(&record[at..end]), false));
            at = end;
        }
        if at >= bytes.len() {
            return Ok(fields);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(record: &str) -> Result<Vec<String>, String> {
        let mark = |(text, quoted): (Cow<'_, str>, bool)| {
            if quoted { format!("<{text}>") } else { text.into_owned() }
        };
        fields(record, b',').map(|fields| fields.into_iter().map(mark).collect())
    }

    #[test]
    fn fields_are_split_and_unquoted() {
        for (record, expected) in [
            ("", vec![""]),
            ("a,b", vec!["a", "b"]),
            ("a,,", vec!["a", "", ""]),
            (r#""a,b","","c""d""#, vec!["<a,b>", "<>", "<c\"d>"]),
            ("\"two\nlines\",x", vec!["<two\nlines>", "x"]),
            (r#"5" pipe,"ü""#, vec!["5\" pipe", "<ü>"]),
            (r#""a" ,"b" "#, vec!["<a>", "<b>"]),
        ] {
            assert_eq!(read(record).unwrap(), expected, "{record}");
        }
        assert!(read(r#""a"b,c"#).is_err());
        assert!(read(r#"a,"b"#).is_err());
    }

    #[test]
    fn records_end_at_line_feeds_outside_quotes() {
        for (bytes, expected) in [
            ("a,b\nc", Some(3)),
            ("\"a\nb\",c\nd", Some(7)),
            ("\"a\"\"\n\",c\n", Some(8)),
            ("\"a\n", None),
            ("a", None),
            ("5\" pipe\nx", Some(7)),
            ("\"a", None),
            ("\"a\"", None),
        ] {
            assert_eq!(record_end(bytes.as_bytes(), b','), expected, "{bytes:?}");
        }
        assert_eq!(last_record_end(b"a\n\"b\n\"\nc", b','), 7);
    }
}
