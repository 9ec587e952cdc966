//! A directory, a connector, and what readers find by the lists of files.

use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use cartridge_warp_sdk::testing::Claimed;
use cartridge_warp_sdk::{
    ColumnType, Config, DeadLetter, Destination, Failure, Marker, Operation, Table, TablePlan,
    TableRows, TableWriter, Value, WriteMode, parse_options,
};
use files_destination::FilesDestination;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The folder of the table, from that of the connector.
pub const TABLE: &str = "shop/or%2fders";

pub struct Bed {
    pub claimed: Claimed<FilesDestination>,
    pub root: PathBuf,
}

impl Bed {
    pub fn at(root: &Path, options: &str) -> Self {
        let claimed = Claimed::new(connect(root, options), "shop").unwrap();
        let mut bed = Self { claimed, root: root.to_owned() };
        bed.plan(WriteMode::Append).unwrap();
        bed
    }

    pub fn plan(&mut self, write_mode: WriteMode) -> Result<(), Failure> {
        self.plan_table(orders(), write_mode)
    }

    pub fn plan_table(&mut self, table: Table, write_mode: WriteMode) -> Result<(), Failure> {
        self.claimed.plan(&TablePlan::new(&table, write_mode))
    }

    pub fn write(&mut self, tables: Vec<TableRows>, position: &[u8]) -> Result<u64, Failure> {
        self.write_over(&[], tables, position)
    }

    /// Writes, and empties tables before.
    pub fn write_over(
        &mut self,
        cleared: &[&str],
        tables: Vec<TableRows>,
        position: &[u8],
    ) -> Result<u64, Failure> {
        let letter = DeadLetter::new("or/ders", "malformed-row", "m", "{", "f:1");
        let mut request = self.claimed.request(tables);
        request.clear_tables = cleared.iter().map(|table| (*table).to_owned()).collect();
        request.dead_letters = if request.tables.is_empty() { vec![letter] } else { Vec::new() };
        request.markers = vec![marker(Some(position))];
        self.claimed.send(request).map(|outcome| outcome.rows_written)
    }

    pub fn marker(&mut self) -> Option<Vec<u8>> {
        self.claimed.marker("s").unwrap()
    }
}

pub fn connect(root: &Path, options: &str) -> FilesDestination {
    let text = root.to_str().unwrap();
    let config = Config::new(text, parse_options(options).unwrap());
    FilesDestination::connect(config.grant("connection_string", text, true)).unwrap()
}

pub fn marker(value: Option<&[u8]>) -> Marker {
    Marker { stream: "s".to_owned(), value: value.map(<[u8]>::to_vec) }
}

pub fn orders() -> Table {
    Table::new("or/ders")
        .column("id", ColumnType::BigInt)
        .column("doc", ColumnType::Json)
        .column("price", ColumnType::Decimal { precision: 10, scale: 2 })
        .key(["id"])
}

pub fn some_rows() -> TableRows {
    let mut writer = TableWriter::changes(&orders());
    let doc = Value::Json("{\"a\":\n 1.10}".into());
    writer.push(Operation::Insert, [Value::I64(1), doc, Value::Str("1.5")]).unwrap();
    let mut update = writer.row(Operation::Update);
    update.set("id", 1).unwrap();
    update.unchanged("doc").unwrap();
    update.at(0).commit();
    writer.push(Operation::Delete, [Value::I64(1)]).unwrap();
    writer.push(Operation::Truncate, []).unwrap();
    writer.finish().unwrap()
}

pub fn files(directory: &Path, part: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        entries.filter(|p| p.file_name().unwrap().to_str().unwrap().contains(part)).collect();
    found.sort();
    found
}

/// One row, with this key and commit time.
pub fn row(id: i64, at: Option<i64>) -> TableRows {
    rows([(id, at)])
}

/// Rows with these keys and commit times.
pub fn rows(keys: impl IntoIterator<Item = (i64, Option<i64>)>) -> TableRows {
    let mut writer = TableWriter::changes(&orders());
    for (id, at) in keys {
        let mut row = writer.row(Operation::Insert);
        row.set("id", id).unwrap();
        row.set("price", Value::Str("1.25")).unwrap();
        match at {
            Some(at) => row.at(at).commit(),
            None => row.commit(),
        }
    }
    writer.finish().unwrap()
}

/// The files that the list of a folder names, in its order.
pub fn listed(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("_files.csv")).unwrap_or_default();
    text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
}

/// What the listed files hold: `_seq` and `id` of each row, file by file.
pub fn read(folder: &Path) -> Vec<Vec<(i64, i64)>> {
    listed(folder).iter().map(|file| read_file(&folder.join(file))).collect()
}

fn read_file(path: &Path) -> Vec<(i64, i64)> {
    if path.extension().unwrap() == "ndjson" {
        let text = fs::read_to_string(path).unwrap();
        let row = |line: &str| -> serde_json::Value { serde_json::from_str(line).unwrap() };
        let number = |row: &serde_json::Value, name: &str| row[name].as_i64().unwrap_or(-1);
        return text.lines().map(row).map(|r| (number(&r, "_seq"), number(&r, "id"))).collect();
    }
    let file = fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut rows = Vec::new();
    for batch in reader.map(Result::unwrap) {
        let column = |name: &str| {
            batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec()
        };
        rows.extend(column("_seq").into_iter().zip(column("id")));
    }
    rows
}
