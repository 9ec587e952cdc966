//! Changes of a table that its rules cannot take: they name columns, and give names and types.

use super::Table;
use crate::{
    model::{ChangeKind, SchemaChange},
    runner::error::RunError,
};

impl Table {
    /// Whether the rules can take what a change brings.
    pub fn check_change(&self, change: &SchemaChange) -> Result<(), RunError> {
        self.check_rename(change)?;
        let column = match &change.kind {
            ChangeKind::AddColumn { column } | ChangeKind::ModifyColumn { column } => column,
            ChangeKind::RenameColumn { new_name, .. } => new_name,
            ChangeKind::DropColumn { .. } | ChangeKind::AddTable | ChangeKind::DropTable => {
                return Ok(());
            }
        };
        self.check_name(change, column)?;
        self.check_type(change, column)
    }

    /// One that the rules name cannot get another name behind their back.
    fn check_rename(&self, change: &SchemaChange) -> Result<(), RunError> {
        let ChangeKind::RenameColumn { column, new_name } = &change.kind else { return Ok(()) };
        let Some((rule, _)) = self.rules.named().find(|(_, named)| named == column) else {
            return Ok(());
        };
        Err(self.unfit(
            &format!(": `columns.{rule}` names `{column}`, which is called `{new_name}` now"),
            format!("write `{new_name}` there and run again"),
        ))
    }

    /// Two columns of one name cannot be told apart.
    fn check_name(&self, change: &SchemaChange, column: &str) -> Result<(), RunError> {
        let Some(name) = self.rules.destination_name(column) else { return Ok(()) };
        if self.rules.added().contains_key(name) {
            return Err(self.taken_by_added(name));
        }
        let is_old = |known: &str| match &change.kind {
            ChangeKind::RenameColumn { column: old, .. } => known == old || known == column,
            _ => known == column,
        };
        let others = self.columns().into_iter().filter(|known| !is_old(known));
        let names = others.filter_map(|known| self.rules.destination_name(known));
        if names.into_iter().any(|known| known == name) {
            return Err(self.unfit(
                &format!(" has a column `{column}` now, and another is called `{name}` already"),
                "change `columns.rename`",
            ));
        }
        Ok(())
    }

    /// A type that was given to a column has to be one that its values can have.
    fn check_type(&self, change: &SchemaChange, column: &str) -> Result<(), RunError> {
        let given = self.settings.columns.types.get(column).copied();
        let after = change.after.as_ref().and_then(|it| it.schema.fields().find(column));
        let fault = given.zip(after).and_then(|(to, (_, field))| self.type_fault_of(field, to));
        fault.map_or(Ok(()), Err)
    }
}
