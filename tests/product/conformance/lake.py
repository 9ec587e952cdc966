"""Reads what logs of the `files` destination come to: a driver of the conformance kit."""

import csv
import json
import os
import shutil
import sys

FOLDER = sys.argv[1]
tables = {}


def reset(request):
    tables.update(request["tables"])
    for name in os.listdir(FOLDER):
        shutil.rmtree(os.path.join(FOLDER, name))
    return {"ok": True}


def log(folder):
    """The lines of all files that count, in their order."""
    lines = []
    with open(os.path.join(folder, "_files.csv")) as listed:
        for entry in csv.DictReader(listed):
            with open(os.path.join(folder, entry["file"])) as file:
                lines += [json.loads(line) for line in file]
    return sorted(lines, key=lambda line: line["_seq"])


def read_all(request):
    shape = tables[request["table"]]
    folder = os.path.join(FOLDER, request["schema"], request["table"])
    rows = {}
    for line in log(folder) if os.path.exists(os.path.join(folder, "_files.csv")) else []:
        if line["_op"] == "truncate":
            rows.clear()
            continue
        key = tuple(line[column] for column in shape["key"])
        if line["_op"] == "delete":
            rows.pop(key, None)
            continue
        row = rows.setdefault(key, {})
        for column, kind in shape["columns"].items():
            if column in (line.get("_unchanged") or []):
                continue
            value = line.get(column)
            # A document stands in the line as it is.
            row[column] = json.dumps(value) if kind == "json" and value is not None else value
    return {"rows": list(rows.values())}


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"reset": reset, "read_all": read_all}[request["call"]](request)
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
