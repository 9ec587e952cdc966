#!/usr/bin/env bash
# Checks the dependencies against deny.toml: licences, bans and sources always; advisories when
# RustSec's database can be fetched, and says so when it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."

# The version matters: deny.toml's format follows it.
version=0.20.2
root=${XDG_CACHE_HOME:-$HOME/.cache}/cartridge-warp-ci/cargo-deny-$version
deny=$root/bin/cargo-deny

if [ "$(cargo-deny --version 2>/dev/null)" = "cargo-deny $version" ]; then
    deny=cargo-deny
elif ! [ -x "$deny" ]; then
    echo "installing cargo-deny $version into $root, once (two to four minutes)"
    # Unoptimised: it compiles in a third of the time and still checks in seconds.
    CARGO_TARGET_DIR=$root/build cargo install cargo-deny --version "$version" --locked --quiet \
        --debug --no-default-features --root "$root"
    rm -rf "$root/build"
fi

"$deny" --locked check licenses bans sources
if reason=$("$deny" fetch db 2>&1); then
    "$deny" --locked check --disable-fetch advisories
else
    printf '%s\n' "$reason" >&2
    echo "advisories were NOT checked: RustSec's database could not be fetched (see above)"
fi
