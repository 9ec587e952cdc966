//! A source for tests: one table `t` with key `id`, whose rows and shapes stand in the options.
//!
//! It behaves like a schemaless database: each batch has the columns that were inferred for it, and
//! each row is whole. A position is the number of batches before it.

use std::collections::BTreeMap;

use cartridge_warp_sdk::{
    ChangeBatch, Chunk, Column, Config, Description, Failure, Limits, Operation, Position,
    RetainedLog, SnapshotBatch, Source, Table, TableRows, TableWriter, Value, ValueError,
    export_source,
};
use schemars::JsonSchema;
use script::{Fault, Script};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// The only table.
const TABLE: &str = "t";

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The inferred shape: columns beside `id` and their types.
    pub columns: BTreeMap<String, String>,
    /// The snapshot.
    pub rows: Vec<Map<String, Json>>,
    /// The stream.
    pub batches: Vec<Batch>,
    /// Calls that fail.
    pub faults: Vec<Fault>,
}

/// Changes of one inferred shape.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Batch {
    pub columns: BTreeMap<String, String>,
    /// Inserted or updated.
    pub rows: Vec<Map<String, Json>>,
    /// Deleted afterwards.
    pub deleted: Vec<i64>,
}

pub struct DocumentsSource {
    script: Script,
    options: Options,
}

fn table(columns: &BTreeMap<String, String>) -> Result<Table, Failure> {
    let id = Column::new("id", "bigint".parse()?);
    columns.iter().try_fold(Table::new(TABLE).with(id).key(["id"]), |table, (name, kind)| {
        Ok(table.with(Column::new(name, kind.parse()?)))
    })
}

fn rows(mut writer: TableWriter, batch: &Batch) -> Result<TableRows, Failure> {
    for row in &batch.rows {
        push(&mut writer, row).map_err(|error| Failure::stop("value", error.to_string()))?;
    }
    for id in &batch.deleted {
        let mut row = writer.row(Operation::Delete);
        row.set("id", *id).map_err(|error| Failure::stop("value", error.to_string()))?;
        row.commit();
    }
    writer.finish()
}

/// What JSON has no word for is written as `{"$bytes": "text"}` or `{"$double": "NaN"}`.
fn push(writer: &mut TableWriter, row: &Map<String, Json>) -> Result<(), ValueError> {
    let mut to = writer.row(Operation::Update);
    for (name, value) in row {
        match (value.get("$bytes"), value.get("$double")) {
            (Some(Json::String(text)), _) => {
                to.set(name.as_str(), Value::Bytes(text.as_bytes()))?
            }
            (_, Some(Json::String(text))) => to.set(name.as_str(), Value::Str(text))?,
            _ => to.set_json(name.as_str(), value)?,
        }
    }
    to.commit();
    Ok(())
}

fn number(position: &[u8]) -> Result<u64, Failure> {
    let bytes = position
        .try_into()
        .map_err(|_| Failure::stop("position", "the position is not one of this source"))?;
    Ok(u64::from_le_bytes(bytes))
}

impl Source for DocumentsSource {
    type Options = Options;

    fn describe() -> Description {
        Description::new("documents", env!("CARGO_PKG_VERSION"), "Whole rows of inferred shapes")
            .capability("change-detection:log")
            .capability("exact-snapshot")
            .capability("whole-rows")
            .capability("backlog")
            .wants("write-directory", "${connection_string}", "counts calls across instances")
    }

    fn connect(config: Config<Options>) -> Result<Self, Failure> {
        let directory = config.path("connection_string")?.guest_path.clone();
        let options = config.options;
        let script = Script {
            directory: directory.into(),
            prefix: String::new(),
            faults: options.faults.clone(),
        };
        script.call("connect")?;
        Ok(Self { script, options })
    }

    fn get_schema(&mut self, _: &str) -> Result<Vec<Table>, Failure> {
        self.script.call("get-schema")?;
        Ok(vec![table(&self.options.columns)?])
    }

    fn current_position(&mut self, _: &str) -> Result<Position, Failure> {
        self.script.call("current-position")?;
        Ok(0_u64.to_le_bytes().to_vec())
    }

    fn plan_snapshot(&mut self, _: &str, _: &str, _: &[u8], _: u32) -> Result<Vec<Chunk>, Failure> {
        self.script.call("plan-snapshot")?;
        Ok(vec![Chunk { id: "all".to_owned(), ..Chunk::default() }])
    }

    fn get_full_snapshot(
        &mut self,
        _: &str,
        _: &str,
        _: &Chunk,
        _: Option<&[u8]>,
        _: Limits,
    ) -> Result<SnapshotBatch, Failure> {
        self.script.call("get-full-snapshot")?;
        let Options { columns, rows: documents, .. } = &self.options;
        let batch =
            Batch { columns: columns.clone(), rows: documents.clone(), deleted: Vec::new() };
        let rows = rows(TableWriter::inserts(&table(columns)?), &batch)?;
        Ok(SnapshotBatch { rows: Some(rows), ..SnapshotBatch::default() })
    }

    fn get_changes(
        &mut self,
        _: &str,
        after: &[u8],
        limits: Limits,
    ) -> Result<ChangeBatch, Failure> {
        self.script.call("get-changes")?;
        let done = number(after)?;
        let next = usize::try_from(done).ok().and_then(|at| self.options.batches.get(at));
        let Some(batch) = next else {
            std::thread::sleep(limits.wait);
            return Ok(ChangeBatch {
                position: after.to_vec(),
                caught_up: true,
                ..ChangeBatch::default()
            });
        };
        let rows = rows(TableWriter::changes(&table(&batch.columns)?), batch)?;
        Ok(ChangeBatch {
            tables: vec![rows],
            position: (done + 1).to_le_bytes().to_vec(),
            caught_up: done + 1 == self.options.batches.len() as u64,
            ..ChangeBatch::default()
        })
    }

    fn backlog(
        &mut self,
        _: &str,
        position: Option<&[u8]>,
    ) -> Result<Option<RetainedLog>, Failure> {
        self.script.call("backlog")?;
        let done = position.map(number).transpose()?.unwrap_or_default();
        let left = (self.options.batches.len() as u64).saturating_sub(done);
        let words = format!("{left} batches are left");
        Ok(Some(RetainedLog { left_us: Some(left), words, ..RetainedLog::default() }))
    }

    fn confirm(&mut self, _: &str, _: &[u8]) -> Result<(), Failure> {
        self.script.call("confirm")
    }
}

export_source!(DocumentsSource);
