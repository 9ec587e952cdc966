//! What the fields of a row are called at its table.

use std::borrow::Cow;
use std::collections::HashSet;

use cartridge_warp_sdk::parse_timestamp;

use super::{OP_FIELD, TS_FIELD};
use crate::format::Token;
use crate::naming::column;

/// Where `_ts` goes whose value is no timestamp.
pub const TS_COLUMN: &str = "__ts";

/// The name of a field, of which one value is known.
pub fn of_field<'n>(name: &'n str, token: &Token<'_>) -> Cow<'n, str> {
    match token {
        Token::Null => {}
        Token::Text { text, .. } | Token::Plain(text) | Token::Quoted(text)
            if parse_timestamp(text).is_some() => {}
        _ if name == TS_FIELD => return Cow::Borrowed(TS_COLUMN),
        _ => {}
    }
    column(name)
}

/// The names of fields that have places: `column_3` for the third if it has none, and `name_2` for
/// the second one that is called `name`.
pub fn of_list<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Vec<String> {
    let own: HashSet<Cow<'_, str>> =
        names.clone().filter(|name| !name.is_empty()).map(column).collect();
    let mut taken = HashSet::new();
    let mut result = Vec::new();
    for (at, name) in names.enumerate() {
        let wanted = match name {
            "" => format!("column_{}", at + 1),
            name => column(name).into_owned(),
        };
        let (mut free, mut count) = (wanted.clone(), 1);
        // A name of the file's own goes to its first field, never to a made name.
        while taken.contains(&free)
            || ((count > 1 || name.is_empty()) && own.contains(free.as_str()))
        {
            count += 1;
            free = format!("{wanted}_{count}");
        }
        taken.insert(free.clone());
        result.push(free);
    }
    result
}

/// Whether a field says what a row does, or when; then it is no column.
pub fn is_operation(name: &str) -> bool {
    matches!(name, OP_FIELD | TS_FIELD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_in_a_list_all_get_a_column() {
        for (names, expected) in [
            (vec!["a", "a", "a"], vec!["a", "a_2", "a_3"]),
            (vec!["a", "a", "a_2"], vec!["a", "a_3", "a_2"]),
            (vec!["", "a", ""], vec!["column_1", "a", "column_3"]),
            (vec!["", "column_1"], vec!["column_1_2", "column_1"]),
            (vec!["_", ""], vec!["__", "column_2"]),
        ] {
            assert_eq!(of_list(names.iter().copied()), expected, "{names:?}");
        }
    }
}
