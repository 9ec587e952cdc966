#!/usr/bin/env bash
# build.sh [FILE]: builds the component; feed-source.wasm beside this script where no file is named. Needs, by their names in
# Debian, clang, lld, wasi-libc and libclang-rt-dev-wasm32; wit-bindgen in the version that wit-bindgen-version has; and
# wasm-component-ld, which comes with Rust's target wasm32-wasip2.
set -euo pipefail
output=$(realpath -m "${1:-$(dirname "$0")/feed-source.wasm}")
cd "$(dirname "$0")"
linker=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/wasm-component-ld
bindings=$(mktemp -d)
trap 'rm -rf "$bindings"' EXIT
wit-bindgen c --world source-connector --out-dir "$bindings" ../../../wit >/dev/null
clang --target=wasm32-wasi -mexec-model=reactor -fuse-ld="$linker" -Oz -flto -Wl,--strip-all \
    -Wall -Wextra -Werror -I "$bindings" -o "$output" \
    app.c connection.c reading.c positions.c words.c feed.c arrow.c \
    "$bindings/source_connector.c" "$bindings/source_connector_component_type.o"
