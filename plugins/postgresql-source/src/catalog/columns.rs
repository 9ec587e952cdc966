//! A column's type: what it is in the model, and how its values are read.

use cartridge_warp_sdk::{Column, ColumnType};
use postgresql_client::tokio_postgres::types::Type;
use postgresql_client::types;

use crate::options::{Options, TextType};
use crate::value::Codec;

/// A type as the catalog describes it; of a domain, the type beneath.
#[derive(Debug, Clone)]
pub struct TypeFacts {
    /// Object id of the type itself.
    pub base: u32,
    /// Its modifier.
    pub modifier: i32,
    /// `format_type` of the column.
    pub formatted: String,
    /// Values may be stored out of line, and then an update need not send them.
    pub toastable: bool,
    /// It has or had a default, or demands a value: where it was added to a table with rows, these may
    /// have got one.
    pub filled: bool,
}

/// The column in the model, and how to read its values.
pub fn column(name: &str, facts: &TypeFacts, required: bool, options: &Options) -> (Column, Codec) {
    let of_server = Type::from_oid(facts.base);
    let printed = Codec::as_text(of_server.as_ref());
    let known = of_server.filter(|type_| types::element(type_).is_none());
    let as_text =
        known.as_ref().and_then(text_type).is_some_and(|t| options.text_types.contains(&t));
    let exact = known.filter(|_| !as_text).and_then(|type_| {
        let model = types::model(&type_, facts.modifier)?;
        Some((model, Codec::of(&type_)))
    });
    let (column_type, codec) = exact.unwrap_or((ColumnType::String, printed));
    let mut column = Column::new(name, column_type.clone());
    if types::declared(&column_type) != facts.formatted {
        column = column.origin(format!("{}{}", types::ORIGIN, facts.formatted));
    }
    column.filled = facts.filled;
    // An update may leave out a large value, and a row that the destination does not have yet would
    // then break the promise.
    if required && !facts.toastable {
        column = column.required();
    }
    (column, codec)
}

/// The word for the column's type: another one when it travels in another form.
pub fn type_id(of_server: String, facts: &TypeFacts, options: &Options) -> String {
    let form = Type::from_oid(facts.base).as_ref().and_then(text_type);
    let as_text = form.is_some_and(|form| options.text_types.contains(&form));
    if as_text { format!("text:{of_server}") } else { of_server }
}

fn text_type(type_: &Type) -> Option<TextType> {
    Some(match *type_ {
        Type::NUMERIC => TextType::Numeric,
        Type::DATE => TextType::Date,
        Type::TIME => TextType::Time,
        Type::TIMESTAMP => TextType::Timestamp,
        Type::TIMESTAMPTZ => TextType::Timestamptz,
        _ => return None,
    })
}
