#!/usr/bin/env bash
# python-packages.sh NAME: prints the folder of the Python packages that NAME.txt beside this file pins. Where it is
# missing they are fetched once, by pip and by checksum, into a cache named after their pins.
# CARTRIDGE_WARP_TEST_NAME (FILE_LIBRARIES for file-libraries) names a folder to be taken instead.
set -euo pipefail
cd "$(dirname "$0")"
name=$1

given=CARTRIDGE_WARP_TEST_$(tr '[:lower:]-' '[:upper:]_' <<<"$name")
if [ -n "${!given:-}" ]; then
    printf '%s\n' "${!given}"
    exit 0
fi
pins=$name.txt
version=$(cksum "$pins" | cut -d ' ' -f 1)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/cartridge-warp-tests/$name-$version
if ! [ -d "$folder" ]; then
    echo "setup: fetching the Python packages of $pins" >&2
    mkdir -p "${folder%/*}"
    made=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$made"' EXIT
    python3 -m venv "$made/python"
    "$made/python/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --require-hashes --target "$made/packages" --requirement "$pins" >&2
    # In one step, so that a fetch that was cut off leaves nothing that looks whole.
    PYTHONPATH="$made/packages" python3 -c "import $(sed -n 's/^# import //p' "$pins")"
    [ -d "$folder" ] || mv "$made/packages" "$folder"
fi
printf '%s\n' "$folder"
