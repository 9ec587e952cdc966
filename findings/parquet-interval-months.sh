#!/usr/bin/env bash
# The Rust crate `parquet` 60.1.0 reads a column of Parquet's logical type INTERVAL without its months.
#
# An INTERVAL is three numbers: months, days, milliseconds. The reader makes Arrow's Interval(DayTime) of
# it, which has room for two, and leaves the months out without an error: a year becomes nothing. Only an
# explicit schema in the reader's options (Interval(MonthDayNano), say) is answered otherwise.
#
# The file is written by DuckDB, which has the type. Needs Python with venv, and Rust with cargo.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# --- A file with one interval ----------------------------------------------------------------------
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --only-binary :all: 'duckdb==1.4.2'
python/bin/python - <<'PYTHON'
import duckdb
duckdb.sql("COPY (SELECT INTERVAL '1 year 2 days 3 seconds' AS i) TO 'i.parquet' (COMPRESSION uncompressed)")
print("written:", duckdb.sql("SELECT i FROM 'i.parquet'").fetchall()[0][0], "by DuckDB", duckdb.__version__)
PYTHON

# --- Read ------------------------------------------------------------------------------------------
mkdir -p reader/src
cat >reader/Cargo.toml <<'TOML'
[package]
name = "reader"
version = "0.1.0"
edition = "2024"

[dependencies]
arrow-array = "=60.1.0"
arrow-cast = "=60.1.0"
parquet = { version = "=60.1.0", default-features = false, features = ["arrow"] }
TOML
cat >reader/src/main.rs <<'RUST'
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

fn main() {
    let file = std::fs::File::open("i.parquet").unwrap();
    let mut batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batch = batches.next().unwrap().unwrap();
    let column = batch.column(0);
    let text = arrow_cast::display::array_value_to_string(column, 0).unwrap();
    println!("{}: {text}", column.data_type());
}
RUST
cargo build --quiet --manifest-path reader/Cargo.toml
read=$(reader/target/debug/reader)
echo "read: $read"
if [[ $read == *DayTime* && $read == *"2 days"* && $read != *year* && $read != *mon* ]]; then
    echo "as found: the months are gone"
else
    echo "CHANGED: it reads otherwise" >&2
    exit 1
fi
