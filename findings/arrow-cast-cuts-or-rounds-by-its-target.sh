#!/usr/bin/env bash
# The Rust crate `arrow-cast` 60.1.0 drops what does not fit the target by a rule of each pair of types, also with
# `CastOptions { safe: false }`: its errors are for values out of range, not for what is lost of one.
#
# - A decimal becomes an integer by cutting (1.99 to 1), and a decimal of fewer digits by rounding (1.99 to 2).
# - A timestamp from before 1970 becomes one of whole seconds towards 1970, and a date towards the past. So the same
#   moment, one microsecond before 1970, is a day of 1969 when it is cast to a date, and one of 1970 when it passes through
#   seconds.
#
# Who converts between systems and trusts `safe: false` to say no stores other values than it read. Compare what came with
# the way back, or do the arithmetic yourself.
#
# Needs Rust with cargo.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "casts"
version = "0.1.0"
edition = "2024"

[dependencies]
arrow-array = { version = "=60.1.0", default-features = false }
arrow-cast = { version = "=60.1.0", default-features = false }
arrow-schema = { version = "=60.1.0", default-features = false }
TOML
cat >src/main.rs <<'RUST'
use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, TimestampMicrosecondArray};
use arrow_cast::{CastOptions, cast_with_options, display::array_value_to_string};
use arrow_schema::{DataType, TimeUnit};

fn cast(array: &ArrayRef, target: &DataType) -> ArrayRef {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, target, &strict).unwrap()
}

fn shown(array: &ArrayRef) -> String {
    array_value_to_string(array, 0).unwrap()
}

fn main() {
    let decimal = Decimal128Array::from(vec![199]).with_precision_and_scale(10, 2).unwrap();
    let decimal: ArrayRef = Arc::new(decimal);
    println!("1.99 to an integer: {}", shown(&cast(&decimal, &DataType::Int32)));
    println!("1.99 to a decimal: {}", shown(&cast(&decimal, &DataType::Decimal128(10, 0))));

    let moment: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![-1]));
    let seconds = cast(&moment, &DataType::Timestamp(TimeUnit::Second, None));
    println!("-1 us to a date: {}", shown(&cast(&moment, &DataType::Date32)));
    println!("-1 us by seconds: {}", shown(&cast(&seconds, &DataType::Date32)));
}
RUST
cargo build --quiet
told=$(target/debug/casts)
printf '%s\n' "$told"
if [ "$told" = '1.99 to an integer: 1
1.99 to a decimal: 2
-1 us to a date: 1969-12-31
-1 us by seconds: 1970-01-01' ]; then
    echo "as found: what does not fit is cut or rounded, and nothing is refused"
else
    echo "CHANGED: casts do otherwise" >&2
    exit 1
fi
