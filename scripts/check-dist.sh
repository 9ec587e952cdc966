#!/usr/bin/env bash
# check-dist.sh ARCHIVE: unpacks a release where nothing else is and runs it there as its users do. As root that is a
# root directory of its own with the C library alone, read by a user without rights; else an empty home.
set -euo pipefail
archive=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stop() {
    printf 'check-dist: %s\n' "$1" >&2
    exit 1
}

(cd "$(dirname "$archive")" && sha256sum --quiet --check "$archive.sha256")
root=$work/root
mkdir -p "$root/opt" "$root/pipeline"
tar --extract --gzip --file "$archive" --directory "$root/opt"
release=$(basename "$archive" .tar.gz)
(cd "$root/opt/$release" && sha256sum --quiet --check SHA256SUMS)
listed=$(wc -l <"$root/opt/$release/SHA256SUMS")
found=$(find "$root/opt/$release" -type f ! -name SHA256SUMS | wc -l)
[ "$listed" -eq "$found" ] || stop "SHA256SUMS lists $listed files, and there are $found"

cp -R "$root/opt/$release/examples/files-to-sqlite/data" "$root/opt/$release/examples/files-to-sqlite/config.yaml" \
    "$root/pipeline/"
printf '{"id":1,"path":"/"}\n' >"$root/pipeline/data/shop/page_views.ndjson"
chmod -R go+rX "$work"
# The one place that it may write to.
chmod 777 "$root/pipeline"
if [ "$(id -u)" -eq 0 ]; then
    # What the program is linked with is all of the system that it has.
    ldd "$root/opt/$release/cartridge-warp" | grep -oE '/[^ ]+' | while read -r library; do
        mkdir -p "$root$(dirname "$library")"
        cp "$library" "$root$library"
    done
    mkdir "$root/proc"
    # shellcheck disable=SC2016 # The inner shell's.
    in_it() {
        unshare --mount sh -c 'mount -t proc proc "$1/proc" && shift && exec "$@"' sh "$root" \
            env -i "$@" "$(command -v chroot)" --userspec=65532:65532 "$root" "/opt/$release/cartridge-warp" "${arguments[@]}"
    }
    pipeline=/pipeline
else
    in_it() { env -i "$@" "$root/opt/$release/cartridge-warp" "${arguments[@]}"; }
    pipeline=$root/pipeline
fi
arguments=(run -c "$pipeline/config.yaml" --until-caught-up)
in_it "CARTRIDGE_WARP_STATE_DIR=$pipeline/state" >"$work/log" 2>&1 || stop "it does not run: $(cat "$work/log")"

rows() { python3 -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM " + sys.argv[2]).fetchone()[0])' "$root/pipeline/shop.db" "$1"; }
wanted=$(($(wc -l <"$root/pipeline/data/shop/customers.csv") - 1))
[ "$(rows customers)" -eq "$wanted" ] || stop "of $wanted customers there are $(rows customers)"
echo "$release runs on its own: $wanted customers copied"
