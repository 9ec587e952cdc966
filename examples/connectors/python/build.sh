#!/usr/bin/env bash
# build.sh [FILE]: builds the component; feed-source.wasm beside this script where no file is named. Needs Python 3.9 or
# later, and what requirements.txt has: pip install -r requirements.txt
set -euo pipefail
output=$(realpath -m "${1:-$(dirname "$0")/feed-source.wasm}")
cd "$(dirname "$0")"
componentize-py --wit-path ../../../wit --world source-connector componentize --python-path . --output "$output" app
