//! Takes numbers and names off a message; never beyond its end.

use bytes::{Buf, Bytes};

use super::Malformed;

const CUT: Malformed = Malformed("it ends too early");

/// What is left of a message.
pub(super) struct Reader {
    rest: Bytes,
    /// There was more than is here.
    is_cut: bool,
    /// What is missing was met.
    was_cut: bool,
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
    /// With `is_cut`, of a message of which only the beginning is here.
    pub(super) fn new(rest: Bytes, is_cut: bool) -> Self {
        Self { rest, is_cut, was_cut: false }
    }

    /// Whether the beginning that is here ends within the next bytes; then there is no more.
    pub(super) fn ends_within(&mut self, length: usize) -> bool {
        if self.is_cut && length > self.rest.len() {
            self.rest.clear();
            self.was_cut = true;
        }
        self.was_cut
    }

    /// Whether something was asked for that is missing.
    pub(super) fn was_cut(&self) -> bool {
        self.was_cut
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
