#!/usr/bin/env bash
# `RecordBatch::try_from_iter` of the Rust crate `arrow-array` 60.1.0 makes a batch of a NullArray that `parquet`'s
# ArrowWriter refuses.
#
# The function makes a field that may be null where the array has nulls, by their physical number. A NullArray has no
# bitmap and so counts 0, though it says of itself that it is nullable: its column becomes one that must not be null. Nothing
# complains until the batch is written. A column of another type with nothing but nulls is written.
#
# Who builds batches from whatever columns there are, with a column that was null throughout, gives the schema himself.
#
# Needs Rust with cargo.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "nulls"
version = "0.1.0"
edition = "2024"

[dependencies]
arrow-array = { version = "=60.1.0", default-features = false }
parquet = { version = "=60.1.0", default-features = false, features = ["arrow"] }

[profile.dev]
debug = false
TOML
cat >src/main.rs <<'RUST'
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int32Array, NullArray, RecordBatch};
use parquet::arrow::ArrowWriter;

fn main() {
    let columns: [(&str, ArrayRef); 2] = [
        ("null", Arc::new(NullArray::new(2))),
        ("int", Arc::new(Int32Array::from(vec![None, None]))),
    ];
    for (name, array) in columns {
        let says = array.is_nullable();
        let batch = RecordBatch::try_from_iter([(name, array)]).unwrap();
        let field = batch.schema().field(0).is_nullable();
        let mut file = Vec::new();
        let written = ArrowWriter::try_new(&mut file, batch.schema(), None)
            .and_then(|mut writer| writer.write(&batch).and_then(|()| writer.close()));
        let written = written.is_ok();
        println!("{name}: array nullable {says}, field nullable {field}, written {written}");
    }
}
RUST
cargo build --quiet
told=$(target/debug/nulls)
printf '%s\n' "$told"
if [ "$told" = 'null: array nullable true, field nullable false, written false
int: array nullable true, field nullable true, written true' ]; then
    echo "as found: the batch is valid, and is not written"
else
    echo "CHANGED: it is written, or refused earlier" >&2
    exit 1
fi
