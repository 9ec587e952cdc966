//! The messages of `COPY … TO STDOUT (FORMAT binary)`: one for each row, and one for the end.
//!
//! Bytes are hostile: every length is checked before a row is handed out (I8).

/// `PGCOPY`, and that nothing in between changed line ends or dropped bits.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// No flags, no extension.
const HEADER_REST: [u8; 8] = [0; 8];
/// Stands where the next row's count of fields would.
const END: i16 = -1;

/// Reads the messages of one copy.
#[derive(Default)]
pub struct Reader {
    begun: bool,
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row<'m> {
    fields: &'m [u8],
    count: usize,
}

/// What no server sends.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl Reader {
    /// The row of a message; none at the end.
    pub fn row<'m>(&mut self, mut message: &'m [u8]) -> Result<Option<Row<'m>>, Malformed> {
        if !self.begun {
            let header = message.strip_prefix(SIGNATURE).ok_or(Malformed)?;
            message = header.strip_prefix(&HEADER_REST).ok_or(Malformed)?;
            self.begun = true;
        }
        let (count, fields) = message.split_first_chunk().ok_or(Malformed)?;
        let count = i16::from_be_bytes(*count);
        if count == END && fields.is_empty() {
            return Ok(None);
        }
        let count = usize::try_from(count).map_err(|_| Malformed)?;
        let mut rest = fields;
        for _ in 0..count {
            take(&mut rest).ok_or(Malformed)?;
        }
        if rest.is_empty() { Ok(Some(Row { fields, count })) } else { Err(Malformed) }
    }
}

impl<'m> Row<'m> {
    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The fields in order; none for NULL.
    pub fn fields(self) -> impl Iterator<Item = Option<&'m [u8]>> {
        let mut rest = self.fields;
        std::iter::from_fn(move || take(&mut rest))
    }
}

/// Takes a field off; none when there is no whole one.
fn take<'m>(rest: &mut &'m [u8]) -> Option<Option<&'m [u8]>> {
    let (length, tail) = rest.split_first_chunk()?;
    let length = i32::from_be_bytes(*length);
    if length == -1 {
        *rest = tail;
        return Some(None);
    }
    let (field, tail) = tail.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = tail;
    Some(Some(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields = Vec<Option<Vec<u8>>>;

    fn read(reader: &mut Reader, message: &[u8]) -> Result<Option<Fields>, Malformed> {
        let row = reader.row(message)?;
        Ok(row.map(|row| {
            let fields: Fields = row.fields().map(|field| field.map(<[u8]>::to_vec)).collect();
            assert_eq!(fields.len(), row.len());
            fields
        }))
    }

    #[test]
    fn rows_stand_between_header_and_end() {
        let header = [SIGNATURE, &HEADER_REST].concat();
        let row = b"\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0";
        let fields = Some(vec![Some(b"ab".to_vec()), None, Some(vec![])]);
        let mut reader = Reader::default();
        assert_eq!(read(&mut reader, &[&header[..], row].concat()), Ok(fields.clone()));
        assert_eq!(read(&mut reader, row), Ok(fields));
        assert_eq!(read(&mut reader, b"\0\0"), Ok(Some(vec![])));
        assert_eq!(read(&mut reader, b"\xff\xff"), Ok(None));
        let empty = [&header[..], b"\xff\xff"].concat();
        assert_eq!(read(&mut Reader::default(), &empty), Ok(None));
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        let row = b"\0\x02\0\0\0\x02ab\xff\xff\xff\xff";
        let mut reader = Reader { begun: true };
        for end in 0..row.len() {
            assert_eq!(read(&mut reader, &row[..end]), Err(Malformed), "cut at {end}");
        }
        for message in [&b"\0\x01\xff\xff\xff\xfe"[..], b"\xff\xfe", b"\xff\xff\0", b"\0\0\0"] {
            assert_eq!(read(&mut reader, message), Err(Malformed), "{message:?}");
        }
        for message in [&b""[..], SIGNATURE, b"1\tab\n"] {
            assert_eq!(read(&mut Reader::default(), message), Err(Malformed), "{message:?}");
        }
    }
}
