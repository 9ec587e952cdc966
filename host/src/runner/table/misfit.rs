//! Conditions (`where`) that make no sense for a table as it is, or as it becomes.

use std::sync::Arc;

use arrow_schema::Schema;

use super::Table;
use crate::{
    config::suggest,
    model::{ChangeKind, SchemaChange},
    runner::error::RunError,
    schema::{Filter, Misfit},
};

impl Table {
    /// What makes no sense in the condition. What a source of whole rows knows of its columns, it has seen in
    /// rows, so one that it does not know may come.
    pub(super) fn where_fault(&self) -> Option<RunError> {
        let condition = self.settings.where_clause.as_ref()?;
        let columns = self.columns();
        let asked = condition.expr().columns();
        for column in asked.into_iter().filter(|column| !columns.contains(column)) {
            if self.promises.whole_rows {
                let table = &self.source.name;
                tracing::warn!(
                    table,
                    column,
                    "`where` asks about a column that the source has not seen yet"
                );
            }
        }
        let (what, help) = self.misfit(&self.misfit_with(&self.source.schema)?);
        Some(self.fault(&what, help))
    }

    /// A change must leave the condition the columns that it asks about, in types of which it makes sense.
    pub fn check_where(&self, change: &SchemaChange) -> Result<(), RunError> {
        let Some(condition) = &self.settings.where_clause else { return Ok(()) };
        let column = match &change.kind {
            ChangeKind::DropColumn { column } | ChangeKind::ModifyColumn { column } => column,
            ChangeKind::RenameColumn { column, new_name } if condition.names(column) => {
                return Err(self.unfit(
                    &format!(": `where` asks about `{column}`, which is called `{new_name}` now"),
                    format!("write `{new_name}` there and run again"),
                ));
            }
            _ => return Ok(()),
        };
        let Some(after) = change.after.as_ref().filter(|_| condition.names(column)) else {
            return Ok(());
        };
        self.misfit_with(&after.schema).map_or(Ok(()), |misfit| {
            let (what, help) = self.misfit(&misfit);
            Err(self.unfit(&what, help))
        })
    }

    fn misfit_with(&self, schema: &Schema) -> Option<Misfit> {
        let condition = self.settings.where_clause.as_ref()?;
        let field = |name: &str| schema.fields().find(name).map(|(_, field)| Arc::clone(field));
        Filter::new(condition, &field, self.promises.whole_rows).err()
    }

    /// In words, and what helps.
    pub(super) fn misfit(&self, misfit: &Misfit) -> (String, String) {
        match misfit {
            Misfit::Lacks(column) => (
                format!(": `where` asks about `{column}`, which it does not have"),
                suggest(column, self.columns()),
            ),
            Misfit::Type { what, help } => (format!(": `where` {what}"), help.clone()),
        }
    }
}
