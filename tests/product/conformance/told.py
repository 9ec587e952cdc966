"""Writes the history that the scripted source tells: a driver of the conformance kit."""

import json
import os
import sys

DIRECTORY = sys.argv[1]
rows = {}


def reset(_):
    rows.clear()
    for name in os.listdir(DIRECTORY):
        os.remove(os.path.join(DIRECTORY, name))
    return {"ok": True}


def write(request):
    with open(os.path.join(DIRECTORY, "told"), "a") as told:
        for operation in request["ops"]:
            row = operation["row"]
            value = row.get("value")
            value = "-" if value is None else value
            told.write(f"{operation['op']} {row['id']} {value}\n")
            if operation["op"] == "delete":
                rows.pop(row["id"], None)
            else:
                rows[row["id"]] = row
    return {"ok": True}


def expected(_):
    return {"rows": list(rows.values())}


CALLS = {"reset": reset, "write": write, "expected": expected}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = CALLS[request["call"]](request)
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
