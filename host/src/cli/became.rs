//! How it is told what became of a table by an order.

use super::output::Output;

/// What became of a table.
pub struct Became<'a> {
    pub schema: &'a str,
    pub table: &'a str,
    pub was: &'a str,
    pub is: &'a str,
    /// A run did it, and goes on with it.
    pub is_live: bool,
}

impl Became<'_> {
    pub fn tell(&self, output: Output) {
        let Self { schema, table, was, is, is_live } = self;
        if output.is_json() {
            output.json(&serde_json::json!({
                "schema": schema, "table": table, "was": was, "is": is, "running": is_live,
            }));
            return;
        }
        let then = match (*is, is_live) {
            ("again", false) => ": the next run copies it again",
            ("pending", false) => ": the next run copies it",
            ("again", true) => ": the running pipeline copies it again",
            ("pending", true) => ": the running pipeline copies it",
            (_, true) => " in the running pipeline",
            _ => "",
        };
        output.line(&format!("{schema}.{table}: {is} (was {was}){then}"));
    }
}
