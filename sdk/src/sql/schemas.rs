//! What a connection was told about tables, by schema.

use std::collections::HashMap;

use super::table::Tables;

/// The tables of all schemas of a connection.
#[derive(Debug, Default)]
pub struct Schemas(HashMap<String, Tables>);

impl Schemas {
    /// The tables of a schema.
    pub fn of(&self, schema: &str) -> Option<&Tables> {
        self.0.get(schema)
    }

    /// Runs work that changes tables, with its transaction: what was rolled back is not remembered.
    ///
    /// # Errors
    /// The work's.
    pub fn reshape<T, E>(
        &mut self,
        schema: &str,
        work: impl FnOnce(&mut Tables) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut tables = self.0.get(schema).cloned().unwrap_or_default();
        let result = work(&mut tables)?;
        self.0.insert(schema.to_owned(), tables);
        Ok(result)
    }
}
