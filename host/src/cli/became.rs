//! How it is told what became of a table by an order.

use super::output::Output;
use crate::control::TableDone;

/// What a table or a change of its shape became. `is_live`: a run did it, and goes on with it.
pub fn tell(schema: &str, done: &TableDone, is_live: bool, output: Output) {
    if output.is_json() {
        let mut line = serde_json::json!(done);
        if let Some(line) = line.as_object_mut() {
            line.insert("schema".to_owned(), schema.into());
            line.insert("running".to_owned(), is_live.into());
        }
        output.json(&line);
        return;
    }
    let by = if is_live { " in the running pipeline" } else { "" };
    output.line(&match done {
        TableDone::State { table, was, is } => {
            let then = match (is.as_str(), is_live) {
                ("again", false) => ": the next run copies it again",
                ("pending", false) => ": the next run copies it",
                ("again", true) => ": the running pipeline copies it again",
                ("pending", true) => ": the running pipeline copies it",
                _ => by,
            };
            format!("{schema}.{table}: {is} (was {was}){then}")
        }
        TableDone::Decided { table, change, decision } => {
            format!("{schema}.{table}: {change} {decision}{by}")
        }
        TableDone::Dropped { table, removed, why_not } => {
            let at_destination = match (removed, why_not) {
                (true, _) => "removed at the destination".to_owned(),
                (false, Some(why)) => format!("its table at the destination stays: {why}"),
                (false, None) => "its table at the destination stays as it is".to_owned(),
            };
            format!("{schema}.{table}: forgotten{by}, {at_destination}")
        }
    });
}
