//! What a person decided about changes of tables' shapes; kept beside the shape, in the marker `shape/T`.
//!
//! An approval is for one change, and goes in the commit that makes it: the same change another day is asked
//! about again. A rejection stays until it is taken back.

use std::fmt;

use arrow_schema::Field;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Table;
use crate::{
    model::{ChangeKind, SchemaChange},
    schema::{News, type_words},
};

/// How many decisions are kept of one table (I7): a source cannot make a person write down more.
pub const DECISIONS_MAX: usize = 2000;

/// The word of a change that brings a column.
const ADDED: &str = "add_column";

/// A change as far as a person decides about it: which column, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The word of the change, as in the metrics; `copy_again` where no changes lead to the new shape.
    pub change: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The column's new type, or its new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub becomes: Option<String>,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    pub about: Subject,
    pub approved: bool,
    /// When, in seconds since 1970.
    pub at_s: u64,
}

/// Everything that is decided about one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decisions(Vec<Decision>);

impl Subject {
    pub fn of(change: &SchemaChange) -> Self {
        let kind = &change.kind;
        let field = |column: &str| change.after.as_ref()?.schema.field_with_name(column).ok();
        let new_type = |column: &str| field(column).map(type_words);
        let (column, becomes) = match kind {
            ChangeKind::AddColumn { column } | ChangeKind::ModifyColumn { column } => {
                (Some(column.clone()), new_type(column))
            }
            ChangeKind::DropColumn { column } => (Some(column.clone()), None),
            ChangeKind::RenameColumn { column, new_name } => {
                (Some(column.clone()), Some(new_name.clone()))
            }
            ChangeKind::AddTable | ChangeKind::DropTable => (None, None),
        };
        Self { change: kind.word().to_owned(), column, becomes }
    }

    /// A column is new.
    pub fn added(column: &Field) -> Self {
        Self {
            change: ADDED.to_owned(),
            column: Some(column.name().clone()),
            becomes: Some(type_words(column)),
        }
    }

    /// The table's columns cannot be told apart from those that were known, so it is copied again.
    pub fn copy_again() -> Self {
        Self { change: "copy_again".to_owned(), column: None, becomes: None }
    }

    /// Whether one decision about both holds: a new column is decided about by its name, since its type may
    /// become another one while it stays away.
    fn is_same_matter(&self, other: &Self) -> bool {
        let is_new = self.change == ADDED && other.change == ADDED;
        self == other || is_new && self.column == other.column
    }

    /// Whether the table can go on without the change.
    pub fn can_be_rejected(&self) -> bool {
        matches!(self.change.as_str(), ADDED | "drop_column")
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { change, column, becomes } = self;
        f.write_str(change)?;
        if let Some(column) = column {
            write!(f, " `{column}`")?;
        }
        match (change.as_str(), becomes) {
            (_, None) => Ok(()),
            ("rename_column", Some(name)) => write!(f, " to `{name}`"),
            (ADDED, Some(kind)) => write!(f, " as {kind}"),
            (_, Some(kind)) => write!(f, " to {kind}"),
        }
    }
}

impl Table {
    /// An approval of what the source has undone would let the same change through another day; whether there was
    /// one. What a source of whole rows knows of its columns it has seen in rows, and may not see in the next look.
    pub fn forget_undone(&mut self, news: &News) -> bool {
        if self.promises.whole_rows {
            return false;
        }
        let again = news.unclear.map(|_| Subject::copy_again());
        let open: Vec<Subject> = news.changes.iter().map(Subject::of).chain(again).collect();
        self.decisions.keep_open(&open)
    }
}

impl Decisions {
    /// What was decided about it: approved, or rejected.
    pub fn about(&self, subject: &Subject) -> Option<&Decision> {
        self.0.iter().find(|decision| decision.about == *subject)
    }

    /// The new columns that are to stay away, whatever type they have by now.
    pub fn rejected_columns(&self) -> impl Iterator<Item = &String> {
        self.rejections().filter_map(|decision| decision.about.column.as_ref())
    }

    /// The decision that a new column is to stay away.
    pub fn rejection_of(&self, column: &str) -> Option<&Decision> {
        self.rejections().find(|decision| decision.about.column.as_deref() == Some(column))
    }

    fn rejections(&self) -> impl Iterator<Item = &Decision> {
        self.0.iter().filter(|it| !it.approved && it.about.change == ADDED)
    }

    /// A column has another name. What stays away under the old one does so under the new one.
    pub fn rename(&mut self, column: &str, new_name: &str) {
        let is_it = |it: &&mut Decision| {
            !it.approved && it.about.change == ADDED && it.about.column.as_deref() == Some(column)
        };
        let renamed = self.0.iter_mut().filter(is_it);
        renamed.for_each(|decision| decision.about.column = Some(new_name.to_owned()));
    }

    /// Decides, whatever was decided before; whether there is room for it.
    #[must_use]
    pub fn decide(&mut self, decision: Decision) -> bool {
        self.0.retain(|known| !known.about.is_same_matter(&decision.about));
        self.0.push(decision);
        self.0.len() <= DECISIONS_MAX
    }

    /// The change is made, which uses an approval up.
    pub fn made(&mut self, subject: &Subject) {
        self.0.retain(|known| !(known.approved && known.about == *subject));
    }

    /// Only what is among these changes may still be approved; whether something was that is not.
    pub fn keep_open(&mut self, open: &[Subject]) -> bool {
        let before = self.0.len();
        self.0.retain(|known| !known.approved || open.contains(&known.about));
        self.0.len() < before
    }

    /// The table becomes what it is now, so nothing is left to approve; whether something was.
    pub fn all_made(&mut self) -> bool {
        let before = self.0.len();
        self.0.retain(|known| !known.approved);
        self.0.len() < before
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(change: &str, column: &str) -> Subject {
        Subject { change: change.into(), column: Some(column.into()), becomes: None }
    }

    #[test]
    fn an_approval_goes_with_its_change_and_a_rejection_stays() {
        let (a, b) = (subject("add_column", "a"), subject("add_column", "b"));
        let mut decisions = Decisions::default();
        for (about, approved) in [(&a, false), (&a, true), (&b, false)] {
            assert!(decisions.decide(Decision { about: about.clone(), approved, at_s: 1 }));
        }
        assert!(decisions.about(&a).unwrap().approved);
        assert_eq!(decisions.rejected_columns().collect::<Vec<_>>(), ["b"]);
        decisions.made(&b);
        assert!(!decisions.about(&b).unwrap().approved, "it was rejected");
        assert!(!decisions.keep_open(std::slice::from_ref(&a)), "the source still has it");
        assert!(decisions.keep_open(std::slice::from_ref(&b)), "the source has undone it");
        assert_eq!(decisions.about(&a), None);
        assert!(decisions.decide(Decision { about: a.clone(), approved: true, at_s: 2 }));
        decisions.made(&a);
        assert_eq!(decisions.about(&a), None);
        assert!(!decisions.all_made());
        let stored = serde_json::to_vec(&decisions).unwrap();
        assert_eq!(serde_json::from_slice::<Decisions>(&stored).unwrap(), decisions);
    }

    #[test]
    fn a_rejected_column_is_known_by_its_name_and_follows_it() {
        let note = |kind: &str| Subject { becomes: Some(kind.into()), ..subject(ADDED, "note") };
        let mut decisions = Decisions::default();
        for about in [note("text"), subject("drop_column", "note")] {
            assert!(decisions.decide(Decision { about, approved: false, at_s: 1 }));
        }
        decisions.rename("note", "remark");
        assert_eq!(decisions.rejected_columns().collect::<Vec<_>>(), ["remark"]);
        assert!(decisions.rejection_of("note").is_none());
        assert!(decisions.about(&subject("drop_column", "note")).is_some(), "that is past");
        let about = Subject { column: Some("remark".into()), ..note("bigint") };
        assert!(decisions.decide(Decision { about, approved: true, at_s: 2 }));
        assert_eq!(decisions.rejected_columns().count(), 0, "its type is another one by now");
    }

    #[test]
    fn decisions_are_bounded() {
        let mut decisions = Decisions::default();
        for number in 0..DECISIONS_MAX {
            let about = subject("add_column", &number.to_string());
            assert!(decisions.decide(Decision { about, approved: false, at_s: 1 }));
        }
        let about = subject("add_column", "more");
        assert!(!decisions.decide(Decision { about, approved: false, at_s: 1 }));
    }
}
