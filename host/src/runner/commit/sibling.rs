//! A connection beside the schema's own, over which rows are committed at the same time, under the same epoch
//! (`shared-epoch`).
//!
//! Whatever decides about a table goes over the schema's own connection. A sibling has to be told of the tables
//! whose rows it gets, and again when they have changed.

use std::{collections::HashMap, sync::Arc};

use crate::{
    model::TablePlan,
    plugin::DestinationConnection,
    runner::{context::SchemaContext, error::RunError},
};

/// One of them.
pub struct Sibling {
    pub(super) destination: DestinationConnection,
    told: HashMap<String, TablePlan>,
}

impl Sibling {
    pub async fn open(context: &Arc<SchemaContext>) -> Result<Self, RunError> {
        Ok(Self { destination: context.open_destination().await?, told: HashMap::new() })
    }

    /// Tells it of tables, where it does not know them like that.
    pub async fn learn(
        &mut self,
        schema: &str,
        plans: Vec<TablePlan>,
        epoch: u64,
    ) -> Result<(), RunError> {
        for plan in plans {
            if self.told.get(&plan.name) == Some(&plan) {
                continue;
            }
            let told = self.destination.create_table_if_not_exists(schema, &plan, epoch).await;
            told.map_err(|error| error.about(&plan.name))?;
            self.told.insert(plan.name.clone(), plan);
        }
        Ok(())
    }

    pub async fn close(self) {
        self.destination.close().await;
    }
}
