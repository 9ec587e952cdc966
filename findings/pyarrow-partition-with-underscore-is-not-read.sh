#!/usr/bin/env bash
# pyarrow 26.0.1 writes a dataset that is partitioned by a column whose name begins with an underscore, and
# reads none of it back: no rows, no columns of it, and no error.
#
# What begins with `_` or `.` is left out when a folder is searched for files (`ignore_prefixes`), so that
# marks such as _SUCCESS are no data. The rule is also applied to the folders of partitions, `_date=a` here, which
# the same library has made. `ignore_prefixes=["."]`, or a list of the files instead of their folder, reads all.
#
# Needs Python with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --only-binary :all: 'pyarrow==26.0.1'
python/bin/python - <<'PYTHON'
import sys

import pyarrow
import pyarrow.dataset
import pyarrow.parquet

print("pyarrow", pyarrow.__version__)
rows = pyarrow.table({"id": [1, 2], "_date": ["a", "b"]})
by_date = pyarrow.dataset.partitioning(pyarrow.schema([("_date", pyarrow.string())]), flavor="hive")
pyarrow.dataset.write_dataset(rows, "lake", format="parquet", partitioning=by_date)


def count(**how):
    return pyarrow.dataset.dataset("lake", format="parquet", partitioning="hive", **how).count_rows()


found = {
    "dataset": count(),
    "read_table": pyarrow.parquet.read_table("lake").num_rows,
    "dataset, other ignore_prefixes": count(ignore_prefixes=["."]),
}
print("rows written: 2; rows read:", found)
if list(found.values()) != [0, 0, 2]:
    sys.exit("CHANGED: it reads otherwise")
print("as found: folders that begin with an underscore are passed over")
PYTHON
