#!/usr/bin/env bash
# dist.sh TARGET COMPONENT…: makes TARGET/dist/cartridge-warp-VERSION-MACHINE.tar.gz of what is built in TARGET: the
# program, the connectors, documents, examples, the licences of all that it is made of, a list of it (SPDX), checksums.
# The same commit and build make the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1
shift

# Their versions matter: what they write is part of the release.
root=${XDG_CACHE_HOME:-$HOME/.cache}/cartridge-warp-ci/dist-tools-1
tool() {
    [ -x "$root/bin/$1" ] && return
    echo "installing $1 into $root, once (two to four minutes)"
    # Optimised, since comparing texts of licences takes minutes without; but not across crates.
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_TARGET_DIR=$root/build \
        cargo install "$@" --locked --quiet --root "$root"
}
tool cargo-about --version 0.9.2 --features cli
tool cargo-sbom --version 0.10.0
rm -rf "$root/build"

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=cartridge-warp-$version-$(uname -m)-$(uname -s | tr '[:upper:]' '[:lower:]')
made=$target/dist/$name
# The commit's, so that it does not matter who builds it and when.
time=$(git log -1 --format=%ct)
rm -rf "$target/dist"
mkdir -p "$made/plugins"

# Names of functions stay in the connectors, for the errors of the host; nobody reads them in the host.
strip -o "$made/cartridge-warp" "$target/release/cartridge-warp"
for component in "$@"; do cp "$target/plugins/$component.wasm" "$made/plugins/"; done
cp README.md CHANGELOG.md SECURITY.md LICENSE "$made/"
cp -R docs "$made/docs"
for component in "$@"; do cp "plugins/$component/README.md" "$made/docs/$component.md"; done
# What needs this repository is of no use there.
git ls-files examples | grep -vE '^examples/(connectors/rust-|files-to-sqlite/run.sh)' | tar -cf - --files-from - | tar -xf - -C "$made"

# Kept by what it is made of, since it takes half a minute.
notices=$root/notices-$(cat Cargo.lock scripts/dist/* | sha256sum | cut -c 1-16).txt
if ! [ -f "$notices" ]; then
    rm -f "$root"/notices-*
    "$root/bin/cargo-about" generate --locked --offline --fail --workspace --config scripts/dist/about.toml \
        scripts/dist/notices.hbs >"$notices.new"
    mv "$notices.new" "$notices"
fi
cp "$notices" "$made/NOTICES.txt"
# The tool says when and for whom; a release says which.
"$root/bin/cargo-sbom" --output-format spdx_json_2_3 | python3 -c '
import json, sys
from datetime import datetime, timezone
name, commit, seconds = sys.argv[1:]
document = json.load(sys.stdin)
document["name"] = name
document["documentNamespace"] = f"https://spdx.org/spdxdocs/{name}-{commit}"
document["creationInfo"]["created"] = datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
for part in ("packages", "files", "relationships"):
    document.get(part, []).sort(key=lambda entry: json.dumps(entry, sort_keys=True))
json.dump(document, sys.stdout, indent=1, sort_keys=True)
' "$name" "$(git rev-parse HEAD)" "$time" >"$made/sbom.spdx.json"

(cd "$made" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum >SHA256SUMS)
tar --directory "$target/dist" --sort=name --owner=0 --group=0 --numeric-owner \
    --mtime="@$time" --mode=go-w,a+rX -cf - "$name" | gzip -9n >"$made.tar.gz"
(cd "$target/dist" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
ls -l "$made.tar.gz" | awk -v name="$name.tar.gz" '{ printf "%s: %.1f MB\n", name, $5 / 1e6 }'
