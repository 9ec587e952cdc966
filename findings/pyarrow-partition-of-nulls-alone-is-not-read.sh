#!/usr/bin/env bash
# pyarrow 26.0.1 writes a dataset whose partition column is NULL in all rows, and cannot read it back: "No
# non-null segments were available for field 'day'; couldn't infer type".
#
# NULL is written as the folder day=__HIVE_DEFAULT_PARTITION__. The reader guesses a column's type from the names of
# its folders, and that one tells none. One row with a day is enough for all to be read; so a job that works
# every day fails on the first day without values. To say the type (`partitioning(schema, flavor="hive")`) helps.
#
# Needs Python with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --only-binary :all: 'pyarrow==26.0.1'
python/bin/python - <<'PYTHON'
import datetime
import sys

import pyarrow
import pyarrow.dataset
import pyarrow.parquet

print("pyarrow", pyarrow.__version__)
by_day = pyarrow.dataset.partitioning(pyarrow.schema([("day", pyarrow.date32())]), flavor="hive")


def written(folder, days):
    rows = pyarrow.table({"id": [1, 2], "day": pyarrow.array(days, pyarrow.date32())})
    pyarrow.dataset.write_dataset(rows, folder, format="parquet", partitioning=by_day)
    try:
        return f"{pyarrow.parquet.read_table(folder).num_rows} rows"
    except pyarrow.ArrowInvalid as error:
        return str(error)


one_day, no_day = written("one", [datetime.date(2026, 1, 2), None]), written("none", [None, None])
typed = pyarrow.dataset.dataset("none", format="parquet", partitioning=by_day).count_rows()
print("a day and NULL:", one_day)
print("NULL alone:", no_day)
print("NULL alone, with the type said:", typed, "rows")
if one_day != "2 rows" or "couldn't infer type" not in no_day or typed != 2:
    sys.exit("CHANGED: it reads otherwise")
print("as found: a partition of nothing but NULL is refused")
PYTHON
