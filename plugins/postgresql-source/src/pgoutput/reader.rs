//! Takes numbers and names off a message; never beyond its end.

use bytes::{Buf, Bytes};

use super::Malformed;

const CUT: Malformed = Malformed("it ends too early");

/// What is left of a message.
pub(super) struct Reader {
    rest: Bytes,
}

macro_rules! numbers {
    ($($name:ident: $number:ty;)*) => {$(
        pub(super) fn $name(&mut self) -> Result<$number, Malformed> {
            let bytes = self.rest.first_chunk().ok_or(CUT)?;
            let number = <$number>::from_be_bytes(*bytes);
            self.rest.advance(size_of::<$number>());
            Ok(number)
        }
    )*};
}

impl Reader {
    pub(super) fn new(rest: Bytes) -> Self {
        Self { rest }
    }

    numbers! {
        u8: u8;
        u16: u16;
        u32: u32;
        i32: i32;
        u64: u64;
        i64: i64;
    }

    /// Bytes that are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The next `length` bytes, without copying.
    pub(super) fn bytes(&mut self, length: usize) -> Result<Bytes, Malformed> {
        if length > self.rest.len() {
            return Err(CUT);
        }
        Ok(self.rest.split_to(length))
    }

    /// Text up to a zero byte.
    pub(super) fn text(&mut self) -> Result<String, Malformed> {
        let length = memchr::memchr(0, &self.rest).ok_or(CUT)?;
        let bytes = self.rest.split_to(length);
        self.rest.advance(1);
        String::from_utf8(bytes.into()).map_err(|_| Malformed("a name that is not UTF-8"))
    }

    /// Refuses what is left over.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed("bytes after its end")) }
    }
}
