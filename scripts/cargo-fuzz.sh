#!/usr/bin/env bash
# Prints the folder of cargo-fuzz in the version that tests/fuzz names. Where it is missing it is
# built once, into a cache named after the version.
set -euo pipefail
version=$(cat "$(dirname "$0")/../tests/fuzz/cargo-fuzz-version")
root=${XDG_CACHE_HOME:-$HOME/.cache}/cartridge-warp-test-tools/cargo-fuzz-$version

if [ "$(cargo-fuzz --version 2>/dev/null)" = "cargo-fuzz $version" ]; then
    dirname "$(command -v cargo-fuzz)"
    exit 0
fi
if ! [ -x "$root/bin/cargo-fuzz" ]; then
    echo "setup: building cargo-fuzz $version into $root, once (about a minute)" >&2
    # Unoptimised: it only starts other programs.
    CARGO_TARGET_DIR=$root/build cargo install cargo-fuzz --version "$version" --locked --quiet \
        --debug --no-track --root "$root" >&2
    rm -rf "$root/build"
fi
printf '%s\n' "$root/bin"
