#!/usr/bin/env bash
# The demo: copies a shop's files into SQLite, changes the files while it runs, compares both sides.
# Start it with `make demo`, which builds everything first.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
target=${CARGO_TARGET_DIR:-$root/target}
binary=$target/release/cartridge-warp
export CARTRIDGE_WARP_PLUGIN_DIR=$target/plugins
page_views=300000

work=$root/.demo
rm -rf "$work"
mkdir -p "$work"
cp -r "$here/data" "$here/config.yaml" "$work"
cd "$work"
awk -v rows=$page_views 'BEGIN {
    for (i = 1; i <= rows; i++)
        printf "{\"id\":%d,\"customer_id\":%d,\"path\":\"/p/%d\",\"ms\":%d}\n", \
            i, i % 6 + 1, (i * 7919) % 1000, (i * 31) % 900
}' >data/shop/page_views.ndjson

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }

say "1. Copy what is there, then follow the files."
"$binary" run -c config.yaml &
runner=$!
trap 'kill $runner 2>/dev/null || true' EXIT
until [ "$("$target/release/demo" count shop.db page_views 2>/dev/null)" = $page_views ]; do
    kill -0 $runner 2>/dev/null || { wait $runner; exit 1; }
    sleep 0.3
done

for change in "$here"/changes/*; do
    table=$(basename "$change" | sed 's/^[0-9]*-//')
    say "2. Append to $table while it runs:"
    cat "$change"
    cat "$change" >>"data/shop/$table"
    sleep 1
done

say "3. Stop it."
kill -TERM $runner
wait $runner
trap - EXIT

say "4. Compare both sides, row by row."
"$target/release/demo" compare data/shop shop.db
