//! Bytes of a file to records and fields. Knows formats, not tables.

pub mod csv;
pub mod json;
pub mod number;
pub mod records;

use std::borrow::Cow;

/// One field's value as the file has it; types are the table's business.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'a> {
    /// No value.
    Null,
    /// `true` or `false` in JSON.
    Bool(bool),
    /// A JSON number, as written.
    Number(&'a str),
    /// A JSON string: as written, and what it says.
    Text { raw: &'a str, text: Cow<'a, str> },
    /// A JSON object or array, as written and known to be valid.
    Nested(&'a str),
    /// A CSV field without quotes.
    Plain(Cow<'a, str>),
    /// A CSV field between quotes.
    Quoted(Cow<'a, str>),
}
