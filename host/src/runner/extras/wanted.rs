//! What a table is to have at the destination, of what it has at its source: by the names that its columns have there.

use crate::{
    config::Create,
    model::{Extra, ExtraKind, IndexColumn, TableExtras, TableIndex},
};

/// What is to be made, and what cannot be, in words. `name_of` says what a column of the source is called at the
/// destination, if it is there.
pub fn wanted<'a>(
    told: TableExtras,
    create: &Create,
    name_of: impl Fn(&str) -> Option<&'a str>,
) -> (Vec<Extra>, Vec<String>) {
    let TableExtras { indexes, comment, column_comments, untold } = told;
    let (mut extras, mut left_out) = (Vec::new(), Vec::new());
    if create.kinds().contains(&ExtraKind::Indexes) {
        left_out = untold;
        for index in indexes {
            let columns = index.columns.iter().map(|column| {
                let name = name_of(&column.name).ok_or(&column.name)?.to_owned();
                Ok(IndexColumn { name, ..column.clone() })
            });
            match columns.collect::<Result<_, &String>>() {
                // Rows come in the order of the source's log, in which a value may be another row's for a while.
                Ok(columns) => {
                    let index = TableIndex { name: index.name, columns, unique: false };
                    extras.push(Extra::Index(index));
                }
                Err(column) => {
                    left_out.push(format!("index {}: column {column} is not copied", index.name))
                }
            }
        }
    }
    if create.kinds().contains(&ExtraKind::Comments) {
        extras.extend(comment.map(Extra::Comment));
        let of_columns = column_comments.into_iter().filter_map(|(column, text)| {
            let column = name_of(&column)?.to_owned();
            Some(Extra::ColumnComment { column, text })
        });
        extras.extend(of_columns);
    }
    (extras, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> IndexColumn {
        IndexColumn { name: name.into(), descending: true, nulls_first: false }
    }

    fn index(name: &str, columns: &[&str], unique: bool) -> TableIndex {
        let columns = columns.iter().map(|name| column(name)).collect();
        TableIndex { name: name.into(), columns, unique }
    }

    /// Column `a` is renamed, `secret` does not travel.
    fn name_of(column: &str) -> Option<&'static str> {
        match column {
            "a" => Some("alpha"),
            "b" => Some("b"),
            _ => None,
        }
    }

    fn told() -> TableExtras {
        let said = |column: &str| (column.to_owned(), format!("about {column}"));
        TableExtras {
            indexes: vec![index("one", &["b", "a"], true), index("two", &["b", "secret"], false)],
            comment: Some("all of them".into()),
            column_comments: vec![said("a"), said("secret"), said("b")],
            untold: vec!["index three: it is over an expression".into()],
        }
    }

    #[test]
    fn columns_have_the_names_of_the_destination() {
        let of = |create: &str| {
            let create: Create = serde_json::from_value(create.into()).unwrap();
            wanted(told(), &create, name_of)
        };
        let indexes = vec![Extra::Index(index("one", &["b", "alpha"], false))];
        let said = |column: &str, text: &str| {
            let (column, text) = (column.to_owned(), text.to_owned());
            Extra::ColumnComment { column, text }
        };
        let comments = vec![
            Extra::Comment("all of them".into()),
            said("alpha", "about a"),
            said("b", "about b"),
        ];
        let left_out = vec![
            "index three: it is over an expression".to_owned(),
            "index two: column secret is not copied".to_owned(),
        ];
        assert_eq!(of("indexes"), (indexes.clone(), left_out.clone()));
        assert_eq!(of("comments"), (comments.clone(), Vec::new()));
        assert_eq!(of("comments,indexes"), ([indexes, comments].concat(), left_out));
        assert_eq!(of("none"), (Vec::new(), Vec::new()));
    }
}
