"""Reads a SQLite file past the connector: a driver of the conformance kit."""

import glob
import json
import os
import sqlite3
import sys

FILE = sys.argv[1]
BOOLEANS = set(sys.argv[2:])


def reset(_):
    # What a connector keeps beside its file has the file's name in front.
    for beside in glob.glob(glob.escape(FILE) + "*"):
        os.remove(beside)
    return {"ok": True}


def read_all(request):
    database = sqlite3.connect(f"file:{FILE}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    try:
        rows = database.execute(f'SELECT * FROM "{request["table"]}"').fetchall()
    finally:
        database.close()
    rows = [dict(row) for row in rows]
    for row in rows:
        for name in BOOLEANS & row.keys():
            row[name] = None if row[name] is None else bool(row[name])
    return {"rows": rows}


CALLS = {"reset": reset, "read_all": read_all}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = CALLS[request["call"]](request)
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
