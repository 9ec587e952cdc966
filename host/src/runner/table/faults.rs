//! Why a table cannot be kept the way its settings ask for.
//!
//! A mistake in the settings stops the schema, since whoever made it sees that at once. What a table became, or
//! came as, while its schema is followed is the table's own matter.

use std::collections::BTreeSet;

use arrow_schema::Field;

use super::{Table, TableRules, keys::PREFIX as KEYS_PREFIX};
use crate::{
    config::{DeletionStrategy, WriteMode},
    model::{ColumnType, TableShape},
    runner::{error::RunError, names::listed},
    schema::{identity, keeps_keys, way},
};

/// What is remembered of a table.
pub struct Past {
    /// As the source described it.
    pub shape: TableShape,
    /// The rules by which its rows got their form, where they are known.
    pub rules: Option<TableRules>,
}

impl Past {
    /// Columns that the source dropped, as far as it tells columns apart: rules for them have nothing left to do.
    fn gone(&self, now: &TableShape) -> BTreeSet<String> {
        if !identity::says(&now.schema) {
            return BTreeSet::new();
        }
        let known = &self.shape.schema;
        let ruled = self.rules.iter().flat_map(TableRules::named);
        let applied = ruled.filter(|column| known.field_with_name(column).is_err());
        let kept = identity::gone(known, &now.schema);
        kept.into_iter().chain(applied.map(str::to_owned)).collect()
    }
}

impl Table {
    /// A table that comes while its schema is followed, if nothing is wrong with it.
    pub fn checked(self) -> Result<Self, RunError> {
        match self.faults_since(true, None).into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(self),
        }
    }

    /// Everything that is wrong with it. Whether its rows can be followed some sources know better.
    pub fn faults(&self, of_rows: bool) -> Vec<RunError> {
        self.faults_but(of_rows, &BTreeSet::new())
    }

    /// The same in a schema that is followed. What the settings could be kept with when its shape was that of
    /// `past`, and what is wrong with a table that has none, is no mistake of whoever made them.
    pub fn faults_since(&self, of_rows: bool, past: Option<&Past>) -> Vec<RunError> {
        let gone = past.map(|past| past.gone(&self.source)).unwrap_or_default();
        let before = past.map(|past| {
            let past = Self::new(past.shape.clone(), self.settings.clone(), self.promises);
            past.faults_but(of_rows, &gone)
        });
        let mistakes: Vec<String> =
            before.iter().flatten().map(|fault| fault.to_string()).collect();
        let own = |fault| match fault {
            RunError::Unusable { what, help } if !mistakes.contains(&what) => {
                RunError::Unfit { table: self.source.name.clone(), what, help }
            }
            fault => fault,
        };
        self.faults_but(of_rows, &gone).into_iter().map(own).collect()
    }

    fn faults_but(&self, of_rows: bool, gone: &BTreeSet<String>) -> Vec<RunError> {
        let own = || [self.no_column_fault(), self.key_fault(), self.doubling_fault()];
        let name = self.name_fault();
        let own = of_rows.then(own).into_iter().flatten().flatten();
        name.into_iter().chain(own).chain(self.faults_of_settings(gone)).collect()
    }

    fn faults_of_settings(&self, gone: &BTreeSet<String>) -> Vec<RunError> {
        let of_columns = [
            self.unknown_column_fault(gone),
            self.unreadable_column_fault(),
            self.excluded_key_fault(),
            self.masked_key_fault(),
            self.typed_mask_fault(),
            self.type_fault(),
            self.double_name_fault(),
            self.added_name_fault(),
            self.where_fault(),
        ];
        [self.mode_fault(), self.deletion_fault(), self.soft_name_fault()]
            .into_iter()
            .chain(of_columns)
            .flatten()
            .collect()
    }

    pub(super) fn fault(&self, what: &str, help: impl Into<String>) -> RunError {
        let name = &self.source.name;
        RunError::Unusable { what: format!("table `{name}`{what}"), help: help.into() }
    }

    /// The same of what the table is at its source, whatever is asked for.
    pub(super) fn unfit(&self, what: &str, help: impl Into<String>) -> RunError {
        let name = &self.source.name;
        let what = format!("table `{name}`{what}");
        RunError::Unfit { table: name.clone(), what, help: help.into() }
    }

    /// A table of keys comes and goes under its name, and would take this one's rows with it.
    fn name_fault(&self) -> Option<RunError> {
        let is_taken = self.promises.sweep && self.source.name.starts_with(KEYS_PREFIX);
        is_taken.then(|| {
            let what = format!(
                " cannot be kept: `{KEYS_PREFIX}…` are the names of the tables of keys that the \
                 destination has while others are copied again"
            );
            self.unfit(&what, "rename it at its source, or leave it out (`table_blacklist`)")
        })
    }

    fn no_column_fault(&self) -> Option<RunError> {
        let what = " has no columns that could be copied";
        self.columns().is_empty().then(|| self.unfit(what, "leave it out"))
    }

    fn key_fault(&self) -> Option<RunError> {
        let is_found_again =
            !self.source.key.is_empty() || self.appends() || self.columns().is_empty();
        (!is_found_again).then(|| {
            self.unfit(
                " has no key, so its rows cannot be updated",
                "name its key in the source's options, or set `write_mode: append` for it",
            )
        })
    }

    fn doubling_fault(&self) -> Option<RunError> {
        if !self.is_told_twice() {
            return None;
        }
        if !self.promises.change_log {
            let what = " cannot be appended to: this source's snapshot overlaps its change stream, \
                        which would double rows";
            return Some(self.fault(what, "use `write_mode: upsert` for it"));
        }
        self.source.key.is_empty().then(|| {
            let what = " cannot be logged: it has no key, and this source's snapshot overlaps its \
                        change stream, so that nothing would tell which rows of the log are one";
            self.fault(what, "give it a key at the source, or leave it out")
        })
    }

    fn mode_fault(&self) -> Option<RunError> {
        if self.appends() {
            return (!self.promises.append).then(|| {
                let what = " cannot be appended to: the destination keeps no log of changes";
                self.fault(what, "use `write_mode: upsert` for it")
            });
        }
        self.promises.append_only.then(|| {
            self.fault(
                " cannot be updated in place: the destination only ever appends",
                "set `write_mode: append` for it (each change is then a row that says what it did)",
            )
        })
    }

    fn deletion_fault(&self) -> Option<RunError> {
        let marks = self.settings.deletion_strategy == DeletionStrategy::Soft && !self.appends();
        (marks && !self.promises.soft_delete).then(|| {
            let what = " cannot keep deleted rows: the destination does not mark them";
            self.fault(what, "use `deletion_strategy: hard` for it")
        })
    }

    fn soft_name_fault(&self) -> Option<RunError> {
        let settings = &self.settings;
        if settings.deletion_strategy != DeletionStrategy::Soft || self.appends() {
            return None;
        }
        let columns = self.columns();
        let mut names: Vec<&str> =
            columns.iter().filter_map(|column| self.rules.destination_name(column)).collect();
        names.extend(self.rules.added().keys().map(String::as_str));
        let own = [
            ("soft_delete_column", &settings.soft_delete_column),
            ("deleted_at_column", &settings.deleted_at_column),
        ];
        let (key, name) = own.into_iter().find(|(_, own)| names.contains(&own.as_str()))?;
        let what = format!(" has a column `{name}`, and soft deletes write one of this name");
        Some(self.fault(&what, format!("name another one in `{key}`")))
    }

    fn unknown_column_fault(&self, gone: &BTreeSet<String>) -> Option<RunError> {
        let columns = self.columns();
        let own = self.settings.own_columns.named();
        let unknown = own.filter(|(_, column)| !columns.contains(column));
        // What a source of whole rows knows of its columns, it has seen in rows.
        let is_moot = |column: &str| self.promises.whole_rows || gone.contains(column);
        let (moot, mistakes): (Vec<_>, Vec<_>) = unknown.partition(|(_, column)| is_moot(column));
        for (rule, column) in moot {
            let why = if gone.contains(column) { "has dropped" } else { "has not seen yet" };
            tracing::warn!(
                table = self.source.name,
                column,
                "`columns.{rule}` names a column that the source {why}"
            );
        }
        let (rule, column) = mistakes.into_iter().next()?;
        let what = format!(": `columns.{rule}` names `{column}`, which it does not have");
        Some(self.fault(&what, format!("its columns are {}", listed(&columns))))
    }

    /// A column whose values the source cannot have is no column that is copied.
    fn unreadable_column_fault(&self) -> Option<RunError> {
        let fields = self.source.schema.fields().iter();
        let asks = |column: &str| {
            self.settings.where_clause.as_ref().is_some_and(|condition| condition.names(column))
        };
        let wanted = fields.filter(|field| {
            self.rules.destination_name(field.name()).is_some() || asks(field.name())
        });
        let unreadable: Vec<_> = wanted
            .filter_map(|field| Some((field.name().as_str(), field.metadata().get(UNREADABLE)?)))
            .collect();
        let (_, why) = unreadable.first()?;
        let names: Vec<&str> = unreadable.iter().map(|(name, _)| *name).collect();
        let what = format!(": the source cannot read {}", listed(&names));
        let ways = if names.iter().any(|name| asks(name)) { " and of `where`" } else { "" };
        let help = format!("{why}; or leave these columns out (`columns.exclude`){ways}");
        Some(self.unfit(&what, help))
    }

    fn excluded_key_fault(&self) -> Option<RunError> {
        let excluded = &self.settings.columns.exclude;
        let key = self.source.key.iter().find(|key| excluded.contains(key))?;
        let what = format!(": `columns.exclude` names `{key}`, a column of its key");
        Some(self.fault(
            &what,
            "rows are found again by it, so it always travels; `columns.mask` with `hash` keeps its \
             values away and different keys different",
        ))
    }

    fn masked_key_fault(&self) -> Option<RunError> {
        let merges = |key: &&String| self.rules.mask(key).is_some_and(|mask| !mask.keeps_apart());
        let key = self.source.key.iter().find(merges)?;
        let what = format!(": its key column `{key}` cannot be masked like that");
        Some(self.fault(&what, "use `hash`, which keeps different keys different"))
    }

    fn typed_mask_fault(&self) -> Option<RunError> {
        let mut typed = self.settings.columns.types.keys();
        let column = typed.find(|column| self.rules.mask(column).is_some())?;
        let what = format!(": `columns.types.{column}` is for a masked column");
        Some(self.fault(&what, "keep one of the two: a masked value has no type of its own"))
    }

    fn type_fault(&self) -> Option<RunError> {
        let given = self.settings.columns.types.iter();
        let mut fields = given.filter_map(|(column, to)| {
            self.source.schema.field_with_name(column).ok().map(|field| (field, *to))
        });
        fields.find_map(|(field, to)| self.type_fault_of(field, to))
    }

    /// A type that no value of the column has, or one in which keys would meet. The column's own type may
    /// have become another one, so it is the table's matter; a new copy is needed either way.
    pub(super) fn type_fault_of(&self, field: &Field, to: ColumnType) -> Option<RunError> {
        let (column, from) = (field.name(), field.data_type());
        if way(field, to).is_none() {
            let what = format!(": `columns.types.{column}` makes {to} of {from}");
            let help = "no value goes that way; `text` and `json` hold every value but those of a \
                        JSON column, which only `text` does";
            return Some(self.unfit(&what, help));
        }
        let merges = self.source.key.contains(column) && !keeps_keys(field, to);
        merges.then(|| {
            let what = format!(": `columns.types.{column}` makes {to} of a key column of {from}");
            let help = "two keys could become one, or one two; leave the key's type as it is";
            self.unfit(&what, help)
        })
    }

    /// The source may have got such a column since.
    fn added_name_fault(&self) -> Option<RunError> {
        let columns = self.columns();
        let mut names = columns.iter().filter_map(|column| self.rules.destination_name(column));
        let taken = names.find(|name| self.rules.added().contains_key(*name))?;
        Some(self.taken_by_added(taken))
    }

    /// A column has the name of one that is added.
    pub(super) fn taken_by_added(&self, name: &str) -> RunError {
        let what = format!(" has a column `{name}`, and `columns.add` adds one of this name");
        self.unfit(&what, "give one of them another name (`columns.rename`, `columns.add`)")
    }

    /// The batch format keeps these names for itself.
    fn double_name_fault(&self) -> Option<RunError> {
        let columns = self.columns();
        let mut names: Vec<&str> =
            columns.iter().filter_map(|column| self.rules.destination_name(column)).collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1])?;
        let what = format!(": two columns would be called `{}`", twice[0]);
        Some(self.fault(&what, "change `columns.rename`"))
    }

    pub(super) fn appends(&self) -> bool {
        self.settings.write_mode == WriteMode::Append
    }

    pub(super) fn columns(&self) -> Vec<&str> {
        self.source.schema.fields().iter().map(|field| field.name().as_str()).collect()
    }
}

/// Field metadata of a column whose values the source cannot have, with what mends it.
const UNREADABLE: &str = "warp:unreadable";
