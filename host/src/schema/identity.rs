//! Which column is which, by what its source says of it beside its name.
//!
//! A name is no identity: columns are renamed, exchange their names, or are dropped and added again,
//! and types change without a new name. What a source says (`wit/BATCH-FORMAT.md`) is compared where
//! both looks have it; where one has not, names count, as they do for sources that say nothing.

use std::sync::Arc;

use arrow_schema::{Field, FieldRef, Metadata, Schema, SchemaRef};

use crate::model::batch::is_reserved;

const ID: &str = "warp:id";
const TYPE_ID: &str = "warp:type-id";
/// The source's own name of the type.
const TYPE: &str = "warp:type";
const STORED: &str = "warp:stored";
/// Speaks of the moment when the column was added, and of no later one.
const FILLED: &str = "warp:filled";
/// Schema metadata: identities of columns that do not travel.
const HIDDEN: &str = "warp:hidden";
/// Begins what a type has gained.
const GAINED: char = '+';

/// Why columns cannot be told apart, in words that go on after "of table `t`".
pub type Unclear = &'static str;

/// The columns that have another name than before, in an order in which each new name is free.
pub fn renames(known: &Schema, arrived: &Schema) -> Result<Vec<(String, String)>, Unclear> {
    if !says(known) || !says(arrived) {
        return if is_ambiguous(known, arrived) {
            Err("columns came and went while nobody told which is which")
        } else {
            Ok(Vec::new())
        };
    }
    if data_fields(arrived).all(|field| find(known, field).is_none()) {
        return Err("it is another table of the same name");
    }
    let mut names: Vec<(Option<&str>, &str)> =
        known.fields().iter().map(|field| (id(field), field.name().as_str())).collect();
    let mut renames = Vec::new();
    loop {
        let mut renamed = data_fields(arrived).filter_map(|field| {
            let at = names.iter().position(|(known, _)| known.is_some() && *known == id(field))?;
            (names[at].1 != field.name()).then_some((at, field.name()))
        });
        let Some(first) = renamed.next() else { break };
        let mut renamed = std::iter::once(first).chain(renamed);
        let is_free = |name: &str| names.iter().all(|(_, known)| *known != name);
        let Some((at, name)) = renamed.find(|(_, name)| is_free(name)) else {
            return Err("a column took the name of another");
        };
        renames.push((names[at].1.to_owned(), name.clone()));
        names[at].1 = name;
    }
    let is_another = |field: &FieldRef| {
        let named = names.iter().find(|(_, name)| name == field.name());
        named
            .is_some_and(|(known, _)| known.is_some() && id(field).is_some() && *known != id(field))
    };
    match data_fields(arrived).any(is_another) {
        true => Err("a column was dropped and another of its name was added"),
        false => Ok(renames),
    }
}

/// The known columns that a table does not have any more, as far as its source says which are which. One that
/// does not travel any more is there.
pub fn gone(known: &Schema, now: &Schema) -> Vec<String> {
    if !says(now) {
        return Vec::new();
    }
    let hidden = now.metadata().get(HIDDEN).map_or("", String::as_str);
    let is_gone = |field: &&FieldRef| {
        let is_hidden = |id: &str| hidden.split(' ').any(|hidden| hidden == id);
        id(field).is_some_and(|id| !is_hidden(id)) && find(now, field).is_none()
    };
    data_fields(known).filter(is_gone).map(|field| field.name().clone()).collect()
}

/// Whether rows may have other values in a column than before; none where one of the looks does not
/// say.
pub fn has_other_values(before: &Field, now: &Field) -> Option<bool> {
    let both = |key: &str| before.metadata().get(key).zip(now.metadata().get(key));
    let (old, new) = both(TYPE_ID)?;
    let is_another_type = new
        .strip_prefix(old.as_str())
        .is_none_or(|more| !(more.is_empty() || more.starts_with(GAINED)));
    let was_rewritten = both(STORED).is_some_and(|(old, new)| {
        let words = old.split_once(' ').zip(new.split_once(' '));
        words.is_some_and(|(old, new)| old.0 != new.0 && old.1 != new.1)
    });
    Some(is_another_type || was_rewritten)
}

/// Whether a column that holds the same kind of values is to be made known again: its source's own type
/// is another one, or rows may have other values.
pub fn is_declared_otherwise(before: &Field, now: &Field) -> bool {
    let declared = |field: &Field| field.metadata().get(TYPE).cloned();
    has_other_values(before, now).is_some_and(|other| other || declared(before) != declared(now))
}

/// Whether two columns of one name are known to be different ones.
pub fn is_another(before: &Field, now: &Field) -> bool {
    id(before).zip(id(now)).is_some_and(|(before, now)| before != now)
}

/// Whether a table has a column that is known of another look, so that it is the same table whatever it
/// is called.
pub fn is_same_table(known: &Schema, now: &Schema) -> bool {
    data_fields(now).any(|field| find(known, field).is_some())
}

/// Whether rows may have values in a column that is new to us: it was there before and did not travel, or
/// they were written anew since the last look, maybe by what filled the column and is gone again.
pub fn may_hold_values(known: &Schema, now: &Field) -> bool {
    let hidden = known.metadata().get(HIDDEN).map_or("", String::as_str);
    let was_hidden = id(now).is_some_and(|id| hidden.split(' ').any(|hidden| hidden == id));
    let rows = |field: &Field| Some(field.metadata().get(STORED)?.split_once(' ')?.1.to_owned());
    let before = || known.fields().iter().filter_map(|known| rows(known));
    was_hidden || rows(now).is_some_and(|now| before().any(|before| before != now))
}

/// The known columns with what was said of their identity now, where that is more or other.
pub fn adopt(known: &SchemaRef, now: &Schema) -> SchemaRef {
    let fields = known.fields().iter().map(|field| match now.field_with_name(field.name()) {
        Ok(now) => with_identity(field, now),
        Err(_) => Arc::clone(field),
    });
    let mut metadata = known.metadata().clone();
    copy(HIDDEN, now.metadata(), &mut metadata);
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), metadata))
}

/// Whether two looks at a column differ at most in what is said of its identity.
pub fn is_same_but_for_identity(before: &Field, now: &Field) -> bool {
    *with_identity(&Arc::new(before.clone()), now) == *now
}

/// A column of another type with the identity of this one.
pub(super) fn keep(identity: &Field, column: Field) -> FieldRef {
    with_identity(&Arc::new(column), identity)
}

fn with_identity(field: &FieldRef, now: &Field) -> FieldRef {
    let mut metadata = field.metadata().clone();
    for key in [ID, TYPE_ID, STORED, FILLED] {
        copy(key, now.metadata(), &mut metadata);
    }
    Arc::new(field.as_ref().clone().with_metadata(metadata))
}

fn copy(key: &str, from: &Metadata, to: &mut Metadata) {
    match from.get(key) {
        Some(value) => to.insert(key.to_owned(), value.clone()),
        None => to.remove(key),
    };
}

/// Whether a source says which columns are which.
pub fn says(schema: &Schema) -> bool {
    schema.fields().iter().any(|field| id(field).is_some())
}

/// A shape that was remembered before its source said more than names: one name gone and another
/// there may be one column or two.
fn is_ambiguous(known: &Schema, arrived: &Schema) -> bool {
    let lacks = |schema: &Schema, field: &FieldRef| schema.field_with_name(field.name()).is_err();
    !says(known)
        && says(arrived)
        && known.fields().iter().any(|field| lacks(arrived, field))
        && data_fields(arrived).any(|field| lacks(known, field))
}

fn find<'a>(schema: &'a Schema, column: &Field) -> Option<&'a FieldRef> {
    schema.fields().iter().find(|field| id(field).is_some() && id(field) == id(column))
}

fn data_fields(schema: &Schema) -> impl Iterator<Item = &FieldRef> {
    schema.fields().iter().filter(|field| !is_reserved(field.name()))
}

fn id(field: &Field) -> Option<&str> {
    field.metadata().get(ID).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow_schema::DataType;

    use super::*;

    fn column(name: &str, identity: Option<(&str, &str, &str)>) -> Field {
        let field = Field::new(name, DataType::Utf8, true);
        let Some((id, type_id, stored)) = identity else { return field };
        let metadata = [(ID, id), (TYPE_ID, type_id), (STORED, stored)];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        field.with_metadata(std::collections::HashMap::from(metadata))
    }

    /// `a=1` is column `a` with the identity 1; without `=` it has none.
    fn schema(columns: &str) -> Schema {
        let column = |text: &str| match text.split_once('=') {
            Some((name, id)) => column(name, Some((id, "25", "7 8"))),
            None => column(text, None),
        };
        Schema::new(columns.split(' ').map(column).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_gone_is_told_by_identities_and_by_nothing_less() {
        let hidden = |schema: Schema| {
            let metadata = std::collections::HashMap::from([(HIDDEN.into(), "8 2".into())]);
            schema.with_metadata(metadata)
        };
        for (known, now, expected) in [
            ("a=1 b=2", schema("c=1"), &["b"][..]),
            ("a=1 b=2", schema("b=1"), &["b"]),
            ("a=1 b=2", hidden(schema("a=1")), &[]),
            ("a=1 b", schema("a=1"), &[]),
            ("a b", schema("a"), &[]),
            ("a=1 b=2", schema("a"), &[]),
        ] {
            assert_eq!(gone(&schema(known), &now), expected, "{known}");
        }
    }

    #[test]
    fn columns_are_told_apart_by_their_identity() {
        type Case<'a> = (&'a str, &'a str, &'a str, Option<&'a [(&'a str, &'a str)]>);
        let cases: [Case<'_>; 14] = [
            ("nothing changed", "k=1 a=2", "k=1 a=2", Some(&[])),
            ("a new column", "k=1 a=2", "k=1 a=2 b=3", Some(&[])),
            ("a column is gone", "k=1 a=2", "k=1", Some(&[])),
            ("a part of the columns", "k=1 a=2 b=3", "a=2", Some(&[])),
            ("another name", "k=1 a=2", "k=1 aa=2", Some(&[("a", "aa")])),
            ("another name of the key", "k=1 a=2", "key=1 a=2", Some(&[("k", "key")])),
            ("a chain", "k=1 a=2 b=3", "k=1 b=2 c=3", Some(&[("b", "c"), ("a", "b")])),
            ("exchanged names", "k=1 a=2 b=3", "k=1 b=2 a=3", None),
            ("a kept column's name", "k=1 a=2 b=3", "k=1 a=3", None),
            ("dropped and added", "k=1 a=2", "k=1 a=3", None),
            ("another table", "k=1 a=2", "k=11 b=12", None),
            ("sources that say nothing", "k a", "k aa", Some(&[])),
            ("a source that learned to say", "k a", "k=1 a=2", Some(&[])),
            ("the same with a rename", "k a", "k=1 aa=2", None),
        ];
        for (name, known, arrived, expected) in cases {
            let found = renames(&schema(known), &schema(arrived));
            let expected = expected.map(|pairs| {
                pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
            });
            assert_eq!(found.ok(), expected, "{name}");
        }
        let adopted = adopt(&Arc::new(schema("k a gone")), &schema("k=1 a=2"));
        assert_eq!(renames(&adopted, &schema("k=1 a=2 b=3")), Ok(vec![]), "it says so since");
    }

    #[test]
    fn values_are_the_same_only_where_that_is_proven() {
        for (name, before, now, expected) in [
            ("nothing changed", ("25", "7 8"), ("25", "7 8"), false),
            ("a default was set", ("25", "7 8"), ("25", "9 8"), false),
            ("the table was written anew", ("25", "7 8"), ("25", "7 9"), false),
            ("both", ("25", "7 8"), ("25", "9 10"), true),
            ("another type", ("25", "7 8"), ("23", "7 8"), true),
            ("a longer number is another type", ("2", "7 8"), ("25", "7 8"), true),
            ("a label more", ("16+a+b", "7 8"), ("16+a+b+c", "7 8"), false),
            ("another label", ("16+a+b", "7 8"), ("16+a+c", "7 8"), true),
            ("a label less", ("16+a+b", "7 8"), ("16+a", "7 8"), true),
        ] {
            let field = |(type_id, stored)| column("c", Some(("1", type_id, stored)));
            assert_eq!(has_other_values(&field(before), &field(now)), Some(expected), "{name}");
        }
        let said = column("c", Some(("1", "25", "7 8")));
        assert_eq!(has_other_values(&column("c", None), &said), None);
        assert!(is_same_but_for_identity(&column("c", None), &said));
        assert!(!is_same_but_for_identity(&said, &said.clone().with_data_type(DataType::Int64)));
        let filled = HashMap::from([(FILLED.to_owned(), "true".to_owned())]);
        let filled = column("c", None).with_metadata(filled);
        assert!(is_same_but_for_identity(&filled, &said), "a default came or went");
    }

    #[test]
    fn a_new_column_may_hold_values_that_nobody_told() {
        let known = schema("k=1").with_metadata(HashMap::from([(HIDDEN.into(), "2 13".into())]));
        let new = |id, stored| column("a", Some((id, "25", stored)));
        for (name, known, column, expected) in [
            ("it did not travel", &known, new("2", "7 8"), true),
            ("nor did this one", &known, new("13", "9 8"), true),
            ("added, and nothing else", &known, new("3", "9 8"), false),
            ("rows were written anew", &known, new("3", "9 10"), true),
            ("a source that says nothing", &known, column("a", None), false),
            ("a source that begins to say", &schema("k"), new("3", "9 10"), false),
        ] {
            assert_eq!(may_hold_values(known, &column), expected, "{name}");
        }
    }
}
