"""Reads the Parquet files of one table of a change log with pyarrow and duckdb.

Arguments: the table's directory. Prints JSON: what each reader takes the columns for, and the rows that
are left when the last row of each key counts and a delete or truncate removes, as text.
"""

import glob
import json
import sys

import duckdb
import pyarrow.parquet as parquet

files = sorted(glob.glob(sys.argv[1] + "/*.parquet"))
logical = {}
for file in files:
    schema = parquet.ParquetFile(file).schema
    for at in range(len(schema)):
        column = schema.column(at)
        logical[column.path] = str(column.logical_type)

duckdb.sql("SET TimeZone = 'UTC'")
read = duckdb.read_parquet(files, union_by_name=True)
types = {name: str(kind) for name, kind in zip(read.columns, read.types)}

rows, operations = {}, []
for file in files:
    part = duckdb.read_parquet([file])
    names = part.columns
    texts = ", ".join(f'"{name}"::VARCHAR' for name in names)
    for values in part.project(texts).fetchall():
        row = dict(zip(names, values))
        operation = row.pop("_op")
        operations.append(operation)
        for own in ("_ts", "_unchanged", "_seq"):
            row.pop(own, None)
        if operation == "truncate":
            rows.clear()
        elif operation == "delete":
            rows.pop(row["id"], None)
        else:
            rows[row["id"]] = row

print(json.dumps({"logical": logical, "types": types, "rows": rows, "operations": operations}))
