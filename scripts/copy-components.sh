#!/usr/bin/env bash
# copy-components.sh FROM TO NAME…: puts the built components where the host looks for them, under
# the names that configurations use. What is no longer built disappears.
set -euo pipefail
from=$1 to=$2
shift 2
mkdir -p "$to"
for old in "$to"/*.wasm; do
    name=$(basename "$old" .wasm)
    [[ " $* " == *" $name "* ]] || rm -f "$old"
done
for name in "$@"; do
    # Cargo writes underscores. A rename is atomic, so a running host never sees half a file.
    built=$from/${name//-/_}.wasm
    cmp -s "$built" "$to/$name.wasm" && continue
    cp "$built" "$to/$name.wasm.new"
    mv "$to/$name.wasm.new" "$to/$name.wasm"
done
