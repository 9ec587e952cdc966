//! Inputs to begin with, made by our own encoders, so that they never fall behind the formats.

use std::{fs, path::Path};

/// Writes seeds into the folder that `CARTRIDGE_WARP_FUZZ_SEEDS` names, if it names one.
pub fn write(seeds: impl IntoIterator<Item = Vec<u8>>) {
    let Some(folder) = std::env::var_os("CARTRIDGE_WARP_FUZZ_SEEDS") else { return };
    for (number, seed) in seeds.into_iter().enumerate() {
        let file = Path::new(&folder).join(format!("seed-{number}"));
        fs::write(&file, seed).expect("the folder of seeds is writable");
    }
}

/// A schema message, and a batch of it, with a column of every type.
pub fn messages() -> Vec<(Vec<u8>, Vec<u8>, u32)> {
    use cartridge_warp_sdk::{Column, Operation, Table, TableWriter, wire::Encoder};
    let types = [
        "string",
        "integer",
        "bigint",
        "float",
        "double",
        "decimal(10,2)",
        "decimal(60,5)",
        "boolean",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "uuid",
        "json",
        "binary",
        "array(bigint)",
        "array(string)",
    ];
    let tables = types.iter().map(|name| vec![*name]).chain([types.to_vec()]);
    let encoded = tables.map(|types| {
        let column = |name: &&str| Column::new(*name, name.parse().expect("it is a type"));
        let table = types.iter().map(column).fold(Table::new("t"), Table::with);
        let mut writer = TableWriter::changes(&table);
        for operation in [Operation::Insert, Operation::Update, Operation::Delete] {
            let mut row = writer.row(operation);
            if operation != Operation::Delete {
                let texts = ["é", "-7", "9", "1.5", "-0.1", "12.5", "-5.5", "true", "2024-02-29"];
                for (column, text) in texts.iter().enumerate().take(types.len()) {
                    // Where a text is no value of the type, the column stays null.
                    let _ = row.set(column, *text);
                }
            } else {
                let _ = row.unchanged(types[0]);
            }
            row.commit();
        }
        let encoded = Encoder::default().encode(&writer.finish().expect("rows are small"));
        let encoded = encoded.expect("rows are small");
        (encoded.arrow_schema.unwrap_or_default(), encoded.rows, encoded.row_count)
    });
    encoded.collect()
}
