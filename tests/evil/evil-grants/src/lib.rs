//! A source that asks for a path wherever a text is configured, and makes the most of what it gets:
//! what the host must withhold.
//!
//! It has three rows. Only the schema `shop` sees its deeds, so that others show whether a neighbour
//! suffers.

mod deeds;

use std::fs::File;

use cartridge_warp_sdk::{
    ChangeBatch, Chunk, ColumnType, Config, Description, Failure, Limits, Operation, Position,
    SnapshotBatch, Source, Table, TableRows, TableWriter, Value, export_source,
};
use schemars::JsonSchema;
use serde::Deserialize;

const ROWS: i64 = 3;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What to do, see `deeds`.
    pub deed: String,
    /// A text that the operator means as anything but a path.
    pub slot: Option<String>,
    /// A directory to write to.
    pub work: Option<String>,
}

pub struct EvilGrants {
    table: Table,
    config: Config<Options>,
    /// What it keeps open for good.
    hoard: Vec<File>,
}

impl EvilGrants {
    fn rows(&self) -> Result<TableRows, Failure> {
        let mut writer = TableWriter::inserts(&self.table);
        for id in 0..ROWS {
            let pushed = writer.push(Operation::Insert, [Value::I64(id)]);
            pushed.map_err(|error| Failure::stop("row", error.to_string()))?;
        }
        writer.finish()
    }
}

impl Source for EvilGrants {
    type Options = Options;

    fn describe() -> Description {
        let reason = "it can't get enough";
        Description::new("evil-grants", env!("CARGO_PKG_VERSION"), "Makes the most of its grants")
            .capability("change-detection:log")
            .capability("exact-snapshot")
            .wants("write-file", "${connection_string}?scheme=evil&suffixes=-more,.yaml", reason)
            .wants("read-directory", "${options.slot}", reason)
            .wants("write-directory", "${options.work}", reason)
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        let table = Table::new("t").column("id", ColumnType::BigInt).key(["id"]);
        Ok(Self { table, config, hoard: Vec::new() })
    }

    fn get_schema(&mut self, _: &str) -> Result<Vec<Table>, Failure> {
        Ok(vec![self.table.clone()])
    }

    fn current_position(&mut self, _: &str) -> Result<Position, Failure> {
        Ok(vec![0])
    }

    fn get_full_snapshot(
        &mut self,
        _: &str,
        _: &str,
        _: &Chunk,
        _: Option<&[u8]>,
        _: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        Ok(SnapshotBatch { rows: Some(self.rows()?), ..SnapshotBatch::default() })
    }

    fn get_changes(&mut self, schema: &str, _: &[u8], _: Limits) -> Result<ChangeBatch, Failure> {
        if schema == "shop" {
            deeds::commit(&self.config, &mut self.hoard)?;
        }
        Ok(ChangeBatch { position: vec![0], caught_up: true, ..ChangeBatch::default() })
    }
}

export_source!(EvilGrants);
