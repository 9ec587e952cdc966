//! The same connectors without sandbox and host: their code, called natively in one thread, with the
//! batch sizes of the host and nothing in between.

use cartridge_warp_sdk::{
    Config, Deletion, Destination, Limits, Marker, Source, TablePlan, WriteMode, WriteRequest,
    serde_json::{from_str, json},
};
use files_destination::FilesDestination;
use files_source::FilesSource;
use sqlite_destination::SqliteDestination;

/// Rows of a batch: the default `full_load_batch_size`.
const ROWS_MAX: usize = 10_000;
const SCHEMA: &str = "shop";
const TABLE: &str = "orders";

/// Copies the table from the source directory to the destination.
pub fn copy(target: &str, source: &str, destination: &str) {
    let options = from_str("{}").expect("no options are options");
    let config = Config::new(source, options).grant("connection_string", source, false);
    let source = FilesSource::connect(config).expect("the source opens");
    match target {
        "sqlite" => {
            let options = from_str("{}").expect("no options are options");
            let config =
                Config::new(destination, options).grant("connection_string", destination, true);
            let destination = SqliteDestination::connect(config).expect("the destination opens");
            pump(source, destination, WriteMode::Upsert);
        }
        _ => {
            let options = json!({"format": "parquet"}).to_string();
            let options = from_str(&options).expect("the option exists");
            let config =
                Config::new(destination, options).grant("connection_string", destination, true);
            let destination = FilesDestination::connect(config).expect("the destination opens");
            pump(source, destination, WriteMode::Append);
        }
    }
}

fn pump(mut source: impl Source, mut destination: impl Destination, write_mode: WriteMode) {
    let table = source.get_schema(SCHEMA).expect("a schema").remove(0);
    let start = source.current_position(SCHEMA).expect("a position");
    destination.create_schema_if_not_exists(SCHEMA).expect("a schema");
    let epoch = destination.claim_schema(SCHEMA, "bench").expect("an epoch");
    let plan = TablePlan {
        name: table.name,
        place: None,
        columns: table.columns,
        key: table.key,
        write_mode,
        deletion: Deletion::Hard,
    };
    destination.create_table_if_not_exists(SCHEMA, &plan, epoch).expect("a table");
    let limits = Limits { rows_max: ROWS_MAX, ..Limits::default() };
    for chunk in source.plan_snapshot(SCHEMA, TABLE, &start, 1).expect("chunks") {
        let mut cursor: Option<Vec<u8>> = None;
        loop {
            let batch = source
                .get_full_snapshot(SCHEMA, TABLE, &chunk, cursor.as_deref(), limits)
                .expect("rows");
            cursor = batch.next_cursor;
            let marker = Marker { stream: "chunk".to_owned(), value: cursor.clone() };
            let request = WriteRequest {
                schema: SCHEMA.to_owned(),
                clear_tables: Vec::new(),
                tables: batch.rows.into_iter().collect(),
                dead_letters: batch.rejected,
                markers: vec![marker],
                epoch,
                dead_letter_rejected: true,
                retry: None,
            };
            destination.write_batch(request).expect("a commit");
            if cursor.is_none() {
                break;
            }
        }
    }
}
