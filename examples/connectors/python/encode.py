"""encode.py FILE.tsv FILE.arrow: the rows of a table in the batch format, written by any Python."""

import pathlib
import sys

import arrow
import feed

rows, output = map(pathlib.Path, sys.argv[1:])
header, *lines = [line for line, _ in feed.lines(rows, 0, growing=False)]
table = feed.table(rows.stem, header, 0)
columns = [arrow.Column(name, type) for name, type in zip(table.columns, table.types)]
encoded = arrow.schema_message(columns) + arrow.batch_message(columns, [feed.row(table, line) for line in lines])
output.write_bytes(encoded)
