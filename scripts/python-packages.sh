#!/usr/bin/env bash
# python-packages.sh NAME [PINS]: prints the folder of the Python packages that the file PINS pins, NAME.txt beside this
# script where it is not told. Where it is missing they are fetched once, by pip and by checksum, into a cache named
# after their pins. Their programs are in its bin/, and find it by PYTHONPATH.
# CARTRIDGE_WARP_TEST_NAME (FILE_LIBRARIES for file-libraries) names a folder to be taken instead.
set -euo pipefail
name=$1
pins=${2:-$(dirname "$0")/$name.txt}

given=CARTRIDGE_WARP_TEST_$(tr '[:lower:]-' '[:upper:]_' <<<"$name")
if [ -n "${!given:-}" ]; then
    printf '%s\n' "${!given}"
    exit 0
fi
version=$(cksum <"$pins" | cut -d ' ' -f 1)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/cartridge-warp-tests/$name-$version
if ! [ -d "$folder" ]; then
    echo "setup: fetching the Python packages of $pins" >&2
    mkdir -p "${folder%/*}"
    made=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$made"' EXIT
    python3 -m venv "$made/python"
    "$made/python/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --require-hashes --target "$made/packages" --requirement "$pins" >&2
    # They were made for a Python that is deleted.
    ! [ -d "$made/packages/bin" ] ||
        find "$made/packages/bin" -type f -exec sed -i '1s|^#!.*python.*|#!/usr/bin/env python3|' {} +
    # In one step, so that a fetch that was cut off leaves nothing that looks whole.
    PYTHONPATH="$made/packages" python3 -c "import $(sed -n 's/^# import //p' "$pins")"
    [ -d "$folder" ] || mv "$made/packages" "$folder"
fi
printf '%s\n' "$folder"
