"""Writes the history that the scripted source tells: a driver of the conformance kit."""

import json
import os
import sys

DIRECTORY = sys.argv[1]
added = []
rows = {}


def reset(_):
    rows.clear()
    added.clear()
    for name in os.listdir(DIRECTORY):
        os.remove(os.path.join(DIRECTORY, name))
    return {"ok": True}


def write(request):
    operations = request["ops"]
    with open(os.path.join(DIRECTORY, "told"), "a") as told:
        for number, operation in enumerate(operations, start=1):
            row = operation["row"]
            values = [row.get(name) for name in ["value", *added]]
            values = ["-" if value is None else value for value in values] + ["-"] * (1 - len(added))
            end = "." if number == len(operations) else "-"
            print(operation["op"], row["id"], *values, end, file=told)
            if operation["op"] == "delete":
                rows.pop(row["id"], None)
            else:
                rows[row["id"]] = row
    return {"ok": True}


def alter(request):
    added.append(request["add"]["name"])
    with open(os.path.join(DIRECTORY, "added"), "w") as file:
        file.write(request["add"]["name"])
    return {"ok": True}


def expected(_):
    return {"rows": list(rows.values())}


CALLS = {"reset": reset, "write": write, "alter": alter, "expected": expected}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = CALLS[request["call"]](request)
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
