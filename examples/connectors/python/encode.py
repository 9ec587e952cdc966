"""encode.py FILE.tsv...: writes FILE.arrow beside each, its rows in the batch format. Runs in any Python."""

import pathlib
import sys

import arrow
import feed

for path in map(pathlib.Path, sys.argv[1:]):
    header, *lines = [line for line, _ in feed.lines(path, 0, growing=False)]
    table = feed.table(path.stem, header, 0)
    columns = [arrow.Column(name, type) for name, type in zip(table.columns, table.types)]
    encoded = arrow.schema_message(columns) + arrow.batch_message(columns, [feed.row(table, line) for line in lines])
    path.with_suffix(".arrow").write_bytes(encoded)
