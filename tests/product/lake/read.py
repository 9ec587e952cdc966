"""Reads a table of a lake with DuckDB, by the statements of the connector's README.

Arguments: the README, the table's folder, its format, its key column. Prints JSON: the rows of the table
as it is now (each column's text), how many rows the log has, how many of their numbers differ, the
partition columns' texts, and the files.
"""

import json
import re
import sys

import duckdb

readme, folder, kind, key = sys.argv[1:]
text = open(readme).read()
block = re.search(r"```sql\n-- DuckDB: the log of a table\n(.*?)```", text, re.DOTALL).group(1)
block = block.replace("lake/shop/orders", folder).replace("PARTITION BY id", f'PARTITION BY "{key}"')
if kind == "ndjson":
    words = re.search(r"`(read_json\(.*?\))`", text, re.DOTALL).group(1)
    block = re.sub(r"read_parquet\(.*?true\)", lambda _: words, block, flags=re.DOTALL)

duckdb.execute("SET TimeZone = 'UTC'")
*before, query = [part for part in block.split(";") if part.strip()]
for statement in before:
    duckdb.execute(statement)
now = duckdb.sql(query)
OWN = {"_op", "_ts", "_unchanged", "_seq"}
FOLDERS = {"_date", "_hour", "_month"}
columns = [name for name in now.columns if name not in OWN | FOLDERS]
texts = ", ".join(f'"{name}"::VARCHAR AS "{name}"' for name in columns)
rows = [dict(zip(columns, row)) for row in now.project(texts).fetchall()]
count, distinct = duckdb.sql("SELECT count(*), count(DISTINCT _seq) FROM log").fetchall()[0]
if kind == "parquet":
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    own = {}
    exec(code.replace("lake/shop/orders", folder), own)
    # By the list of that moment, which may be newer than the one above.
    query = "SELECT count(*) FROM read_parquet(?, union_by_name = true)"
    wanted = duckdb.execute(query, [own["files"]]).fetchall()[0][0]
    assert own["log"].count_rows() == wanted, (own["log"].count_rows(), wanted)
found = [name for name in now.columns if name in FOLDERS]
partitions = duckdb.sql(f"SELECT DISTINCT {', '.join(found)} FROM log") if found else None
print(json.dumps({
    "rows": rows,
    "count": count,
    "distinct": distinct,
    "partitions": [list(map(str, each)) for each in partitions.fetchall()] if found else [],
    "files": duckdb.sql("SELECT getvariable('orders')").fetchall()[0][0],
}))
