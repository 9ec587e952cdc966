//! What a table has beside columns and key, as a guest tells it. Names of columns are only bounded here: whether the
//! table has them, and whether they travel, is the runner's to say.

use super::bounds::{count, malformed, name};
use crate::{
    model::{Extra, ExtraOutcome, IndexColumn, TableExtras, TableIndex},
    plugin::{
        Cause, ExtraRequest,
        bindings::{
            in_full::exports::cartridge::warp::destination_extras as made,
            source::cartridge::warp::types as wit,
            source_in_full::exports::cartridge::warp::source_extras as told,
        },
        limits::{
            COLUMNS_MAX, COMMENT_BYTES_MAX, EXTRAS_MAX, INDEX_COLUMNS_MAX, MESSAGE_BYTES_MAX,
            NAME_BYTES_MAX,
        },
        text,
    },
};

pub(in crate::plugin) fn told(told: told::TableExtras) -> Result<TableExtras, Cause> {
    let told::TableExtras { indexes, comment, column_comments, untold } = told;
    count("indexes of a table", indexes.len(), EXTRAS_MAX)?;
    count("comments of columns", column_comments.len(), COLUMNS_MAX)?;
    count("things that are not told", untold.len(), EXTRAS_MAX)?;
    let of_column = |(column, text)| Ok((name("column", column)?, said(text)?));
    Ok(TableExtras {
        indexes: indexes.into_iter().map(index).collect::<Result<_, Cause>>()?,
        comment: comment.map(said).transpose()?,
        column_comments: column_comments
            .into_iter()
            .map(of_column)
            .collect::<Result<_, Cause>>()?,
        untold: untold.iter().map(|thing| text::one_line(thing, 2 * NAME_BYTES_MAX)).collect(),
    })
}

fn index(index: wit::TableIndex) -> Result<TableIndex, Cause> {
    let wit::TableIndex { name: own, columns, unique } = index;
    count("columns of an index", columns.len(), INDEX_COLUMNS_MAX)?;
    if columns.is_empty() {
        return Err(malformed("an index without columns"));
    }
    let column = |column: wit::IndexColumn| {
        let wit::IndexColumn { name: own, descending, nulls_first } = column;
        Ok(IndexColumn { name: name("column", own)?, descending, nulls_first })
    };
    let columns = columns.into_iter().map(column).collect::<Result<_, Cause>>()?;
    Ok(TableIndex { name: name("index", own)?, columns, unique })
}

/// A text that people wrote, lines and all.
fn said(said: String) -> Result<String, Cause> {
    if said.len() > COMMENT_BYTES_MAX || said.contains('\0') {
        let length = said.len();
        let what = format!("a comment of {length} bytes: {COMMENT_BYTES_MAX} without NUL are");
        return Err(malformed(format!("{what} allowed")));
    }
    Ok(said)
}

pub(in crate::plugin) fn request_out(request: ExtraRequest) -> made::ExtraRequest {
    let ExtraRequest { schema_name, table, extra, epoch } = request;
    let extra = match extra {
        Extra::Index(index) => made::Extra::Index(index_out(index)),
        Extra::Comment(text) => made::Extra::Comment(text),
        Extra::ColumnComment { column, text } => made::Extra::ColumnComment((column, text)),
    };
    made::ExtraRequest { schema_name, table, extra, epoch }
}

fn index_out(index: TableIndex) -> wit::TableIndex {
    let TableIndex { name, columns, unique } = index;
    let column = |column: IndexColumn| {
        let IndexColumn { name, descending, nulls_first } = column;
        wit::IndexColumn { name, descending, nulls_first }
    };
    wit::TableIndex { name, columns: columns.into_iter().map(column).collect(), unique }
}

pub(in crate::plugin) fn outcome(outcome: made::ExtraOutcome) -> ExtraOutcome {
    match outcome {
        made::ExtraOutcome::Made => ExtraOutcome::Made,
        made::ExtraOutcome::Unchanged => ExtraOutcome::Unchanged,
        made::ExtraOutcome::UnderWay => ExtraOutcome::UnderWay,
        made::ExtraOutcome::Refused(why) => {
            ExtraOutcome::Refused(text::one_line(&why, MESSAGE_BYTES_MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> wit::IndexColumn {
        wit::IndexColumn { name: name.into(), descending: false, nulls_first: false }
    }

    fn index(name: &str, columns: usize) -> wit::TableIndex {
        let columns = vec![column("a"); columns];
        wit::TableIndex { name: name.into(), columns, unique: false }
    }

    fn with(indexes: Vec<wit::TableIndex>) -> told::TableExtras {
        let (comment, column_comments, untold) = (None, Vec::new(), Vec::new());
        told::TableExtras { indexes, comment, column_comments, untold }
    }

    #[test]
    fn names_and_sizes_are_bounded() {
        let text = |length: usize| Some("x".repeat(length));
        let commented = |comment| told::TableExtras { comment, ..with(Vec::new()) };
        let of_columns = |count: usize, name: &str| told::TableExtras {
            column_comments: vec![(name.to_owned(), "c".to_owned()); count],
            ..with(Vec::new())
        };
        let untold = |count: usize| told::TableExtras {
            untold: vec!["index \u{1b}[31mred".to_owned(); count],
            ..with(Vec::new())
        };
        let cases = [
            ("as many as may be", with(vec![index("i", INDEX_COLUMNS_MAX); EXTRAS_MAX]), true),
            ("one more", with(vec![index("i", 1); EXTRAS_MAX + 1]), false),
            ("no columns", with(vec![index("i", 0)]), false),
            ("too many columns", with(vec![index("i", INDEX_COLUMNS_MAX + 1)]), false),
            ("a name of nothing", with(vec![index("", 1)]), false),
            ("a name that is no text", with(vec![index("a\u{202e}b", 1)]), false),
            ("a long name", with(vec![index(&"n".repeat(NAME_BYTES_MAX + 1), 1)]), false),
            ("a long comment", commented(text(COMMENT_BYTES_MAX)), true),
            ("a longer one", commented(text(COMMENT_BYTES_MAX + 1)), false),
            ("one with lines", commented(Some("a\nb".into())), true),
            ("one that ends early elsewhere", commented(Some("a\0b".into())), false),
            ("comments of columns", of_columns(COLUMNS_MAX, "a"), true),
            ("too many of them", of_columns(COLUMNS_MAX + 1, "a"), false),
            ("of a column without a name", of_columns(1, ""), false),
            ("things untold", untold(EXTRAS_MAX), true),
            ("too many of those", untold(EXTRAS_MAX + 1), false),
        ];
        for (what, extras, fine) in cases {
            assert_eq!(told(extras).is_ok(), fine, "{what}");
        }
        assert!(!told(untold(1)).unwrap().untold[0].contains('\u{1b}'));
    }
}
