#!/usr/bin/env bash
# Prints the folder of wit-bindgen, which writes the contract's bindings for C, in the version that
# examples/connectors/c/wit-bindgen-version names. Where it is missing it is built once, into a cache named after the version.
set -euo pipefail
version=$(cat "$(dirname "$0")/../examples/connectors/c/wit-bindgen-version")
root=${XDG_CACHE_HOME:-$HOME/.cache}/cartridge-warp-test-tools/wit-bindgen-$version

if ! [ -x "$root/bin/wit-bindgen" ]; then
    echo "setup: building wit-bindgen $version into $root, once (about a minute)" >&2
    # Unoptimised: it writes one file.
    CARGO_TARGET_DIR=$root/build cargo install wit-bindgen-cli --version "$version" --locked --quiet \
        --no-default-features --features c --debug --no-track --root "$root" >&2
    rm -rf "$root/build"
fi
printf '%s\n' "$root/bin"
