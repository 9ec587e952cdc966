//! Checks of what a source says its tables are, and of positions that are none.

use super::{
    reader::{LIMITS, Reader},
    writes,
};
use crate::{
    kit::{
        bench::Bench,
        finding::{Broken, Checked},
    },
    model::Position,
    plugin::Cause,
};

/// No connector's position.
const FOREIGN: &[u8] = b"\xff\x00not a position of this connector\x00\xff";

pub async fn schema(bench: &mut Bench) -> Checked {
    writes::first(bench).await?;
    let source = bench.source(bench.settings.clone()).await?;
    let found = source.get_schema(&bench.case.schema).await?;
    source.close().await;
    for (name, table) in &bench.case.tables {
        let Some(shape) = found.iter().find(|shape| shape.name == *name) else {
            let names: Vec<&str> = found.iter().map(|shape| shape.name.as_str()).collect();
            let expected = format!("the table `{name}` is listed");
            let advice = "list every table of the schema";
            return Err(Broken::new(&expected, &format!("it lists {names:?}"), advice));
        };
        if shape.key != table.key {
            let expected = format!("the key of `{name}` is {:?}", table.key);
            let advice = "list the key's columns in their order";
            return Err(Broken::new(&expected, &format!("it is {:?}", shape.key), advice));
        }
        let missing =
            table.columns.keys().find(|column| shape.schema.field_with_name(column).is_err());
        if let Some(column) = missing {
            let expected = format!("the column `{column}` of `{name}` is listed");
            let advice = "list every column of a table";
            return Err(Broken::new(&expected, "it is not", advice));
        }
    }
    Ok(())
}

pub async fn foreign_position(bench: &mut Bench) -> Checked {
    writes::first(bench).await?;
    let reader = Reader::open(bench).await?;
    let position = Position(FOREIGN.to_vec());
    let answer = reader.connection.get_changes(&bench.case.schema, &position, LIMITS).await;
    let expected = "a position that is none of the connector's is answered with a failure";
    let advice = "read positions as bytes from anywhere, and give them a version";
    match answer {
        Err(error) if matches!(error.cause, Cause::Failure(_)) => Ok(()),
        Err(error) => Err(Broken::new(expected, &error.cause.to_string(), advice)),
        Ok(_) => Err(Broken::new(expected, "it goes on as if it was one", advice)),
    }
}
