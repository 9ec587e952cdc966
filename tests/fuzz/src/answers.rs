//! Answers of guests, as the generated types have them, from arbitrary input.

use arbitrary::{Arbitrary, Result, Unstructured};
use cartridge_warp::plugin::fuzzing::{destination, source, types};

use crate::{batches::Input, tables::NAMES};

/// A guest's text: a word that means something, or anything, as often as a limit is long.
#[derive(Debug)]
pub struct Text(pub String);

const WORDS: [&str; 24] = [
    "applied",
    "unchanged",
    "refused",
    "insert",
    "update",
    "delete",
    "truncate",
    "add_column",
    "drop_column",
    "modify_column",
    "rename_column",
    "add_table",
    "drop_table",
    "source",
    "destination",
    "host",
    "write-file",
    "read-directory",
    "retry",
    "reconnect",
    "resync",
    "${connection_string}",
    "${options.a}?port=1&tls=direct&mode=tls",
    "\u{202e}\u{2028}\u{1b}[2J",
];
const LENGTHS: [usize; 7] = [0, 2, 64, 65, 128, 513, 4097];

impl<'a> Arbitrary<'a> for Text {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(match input.int_in_range(0..=3)? {
            0 => NAMES[input.choose_index(NAMES.len())?].to_owned(),
            1 => (*input.choose(&WORDS)?).to_owned(),
            2 => String::arbitrary(input)?,
            _ => {
                let times = *input.choose(&LENGTHS)?;
                char::arbitrary(input)?.to_string().repeat(times)
            }
        }))
    }
}

/// Texts of a list.
fn texts(texts: Vec<Text>) -> Vec<String> {
    texts.into_iter().map(|text| text.0).collect()
}

/// Opaque bytes, sometimes more than are allowed.
#[derive(Arbitrary, Debug)]
pub struct Opaque {
    bytes: Vec<u8>,
    padded: bool,
}

impl Opaque {
    pub fn bytes(mut self) -> Vec<u8> {
        if self.padded {
            self.bytes.resize(70_000, 0);
        }
        self.bytes
    }
}

#[derive(Arbitrary, Debug)]
pub struct Info {
    name: Text,
    role: Text,
    version: Text,
    description: Text,
    capabilities: Vec<Text>,
    schema: Text,
    grants: Vec<[Text; 3]>,
}

impl Info {
    pub fn answer(self) -> types::ConnectorInfo {
        let grant = |[kind, value, reason]: [Text; 3]| types::WantedGrant {
            kind: kind.0,
            value: value.0,
            reason: reason.0,
        };
        types::ConnectorInfo {
            name: self.name.0,
            role: self.role.0,
            version: self.version.0,
            description: self.description.0,
            capabilities: texts(self.capabilities),
            options_schema: self.schema.0,
            wanted_grants: self.grants.into_iter().map(grant).collect(),
        }
    }
}

#[derive(Arbitrary, Debug)]
pub struct Table {
    name: Text,
    key: Vec<Text>,
    columns: Input,
    rows: Option<u64>,
}

impl Table {
    pub fn answer(self) -> types::TableInfo {
        types::TableInfo {
            name: self.name.0,
            arrow_schema: message(&self.columns).unwrap_or_default(),
            key: texts(self.key),
            estimated_rows: self.rows,
        }
    }
}

/// The schema message of a batch, damaged.
fn message(input: &Input) -> Option<Vec<u8>> {
    let mut message = input.batch()?.schema.message.to_vec();
    input.damage.iter().for_each(|damage| damage.apply(&mut message));
    Some(message)
}

#[derive(Arbitrary, Debug)]
pub struct Chunk {
    id: Text,
    descriptor: Opaque,
    rows: Option<u64>,
}

impl Chunk {
    pub fn answer(self) -> source::Chunk {
        let (id, descriptor) = (self.id.0, self.descriptor.bytes());
        source::Chunk { id, descriptor, estimated_rows: self.rows }
    }
}

#[derive(Arbitrary, Debug)]
pub struct Failure {
    words: [Text; 3],
    detail: Option<Text>,
    retry_after_ms: Option<u64>,
    tables: Vec<Text>,
}

impl Failure {
    pub fn answer(self) -> types::Failure {
        let [action, code, message] = self.words.map(|text| text.0);
        let detail = self.detail.map(|text| text.0);
        let tables = self.tables.into_iter().map(|table| table.0).collect();
        let retry_after_ms = self.retry_after_ms;
        types::Failure { action, code, message, detail, retry_after_ms, tables }
    }
}

#[derive(Arbitrary, Debug)]
pub struct Letter([Text; 6], Option<Text>);

impl Letter {
    fn answer(self) -> types::DeadLetter {
        let [table, operation, payload, code, message, origin] = self.0.map(|text| text.0);
        let key = self.1.map(|text| text.0);
        types::DeadLetter { table, operation, payload, code, message, origin, key }
    }
}

#[derive(Arbitrary, Debug)]
pub struct Rows {
    table: Text,
    schema: Text,
    with_schema: bool,
    input: Input,
}

impl Rows {
    fn answer(self) -> Option<types::TableBatch> {
        let batch = self.input.batch()?;
        Some(types::TableBatch {
            table: self.table.0,
            schema_id: self.schema.0,
            arrow_schema: self.with_schema.then(|| batch.schema.message.to_vec()),
            rows: batch.rows.to_vec(),
            row_count: self.input.announced.unwrap_or(batch.row_count() as u32),
        })
    }
}

#[derive(Arbitrary, Debug)]
pub struct Change {
    words: [Text; 2],
    column: Option<Text>,
    new_name: Option<Text>,
    after: Option<Table>,
}

#[derive(Arbitrary, Debug)]
pub struct Changes {
    changes: Vec<Change>,
    tables: Vec<Rows>,
    rejected: Vec<Letter>,
    position: Opaque,
    cursor: Option<Opaque>,
}

impl Changes {
    pub fn answer(self) -> source::ChangeBatch {
        let change = |change: Change| {
            let [kind, table] = change.words.map(|text| text.0);
            types::SchemaChange {
                kind,
                table,
                column: change.column.map(|text| text.0),
                new_name: change.new_name.map(|text| text.0),
                after: change.after.map(Table::answer),
            }
        };
        source::ChangeBatch {
            schema_changes: self.changes.into_iter().map(change).collect(),
            tables: self.tables.into_iter().filter_map(Rows::answer).collect(),
            rejected: self.rejected.into_iter().map(Letter::answer).collect(),
            position: self.position.bytes(),
            caught_up: false,
            within_transaction: false,
        }
    }

    pub fn snapshot(self) -> source::SnapshotBatch {
        source::SnapshotBatch {
            rows: self.tables.into_iter().find_map(Rows::answer),
            rejected: self.rejected.into_iter().map(Letter::answer).collect(),
            next_cursor: self.cursor.map(Opaque::bytes),
        }
    }
}

#[derive(Arbitrary, Debug)]
pub struct Written {
    rows: u64,
    rejected: Vec<(u8, u8, Text, Text)>,
}

impl Written {
    pub fn answer(self) -> destination::WriteOutcome {
        let rejected =
            |(batch, row, code, message): (u8, u8, Text, Text)| destination::RejectedRow {
                batch: batch.into(),
                row: row.into(),
                code: code.0,
                message: message.0,
            };
        destination::WriteOutcome {
            rows_written: self.rows,
            rejected: self.rejected.into_iter().map(rejected).collect(),
        }
    }
}
