//! A line of `COPY … TO STDOUT` in text format.

/// The fields of one line; reused from line to line.
#[derive(Default)]
pub struct Fields {
    /// All text, without escapes.
    text: Vec<u8>,
    /// Where each field ends in `text`, and whether it is a value at all.
    ends: Vec<(usize, bool)>,
}

impl Fields {
    /// Takes a line apart; none when it is malformed.
    pub fn split(&mut self, line: &[u8]) -> Option<()> {
        self.text.clear();
        self.ends.clear();
        let line = line.strip_suffix(b"\n")?;
        for field in line.split(|byte| *byte == b'\t') {
            let is_null = field == b"\\N";
            if !is_null {
                self.unescape(field)?;
            }
            self.ends.push((self.text.len(), !is_null));
        }
        Some(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// One field; none when it is null.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].0);
        let (end, is_value) = *self.ends.get(at)?;
        is_value.then(|| &self.text[start..end])
    }

    fn unescape(&mut self, mut field: &[u8]) -> Option<()> {
        while let Some(at) = memchr::memchr(b'\\', field) {
            self.text.extend_from_slice(&field[..at]);
            self.text.push(match field.get(at + 1)? {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                b'\\' => b'\\',
                _ => return None,
            });
            field = &field[at + 2..];
        }
        self.text.extend_from_slice(field);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
        let mut fields = Fields::default();
        fields.split(b"before\tthis\n")?;
        fields.split(line)?;
        Some((0..fields.len()).map(|at| fields.get(at).map(<[u8]>::to_vec)).collect())
    }

    #[test]
    fn escapes_and_nulls_are_read() {
        let some = |text: &[u8]| Some(text.to_vec());
        for (line, expected) in [
            (&b"\n"[..], Some(vec![some(b"")])),
            (b"1\t\\N\t\n", Some(vec![some(b"1"), None, some(b"")])),
            (b"\\\\N\ta\\tb\\nc\\rd\\\\\n", Some(vec![some(b"\\N"), some(b"a\tb\nc\rd\\")])),
            (b"\\b\\f\\v\n", Some(vec![some(b"\x08\x0c\x0b")])),
            (b"no end", None),
            (b"\\x\n", None),
            (b"a\\\n", None),
        ] {
            assert_eq!(fields(line), expected, "{}", String::from_utf8_lossy(line));
        }
    }
}
