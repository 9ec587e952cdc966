"""Empties and reads what the connector keeps, without the connector: a driver of the conformance kit."""

import glob
import json
import os
import shutil
import sys

FOLDER = sys.argv[1]


def reset(request):
    shutil.rmtree(os.path.join(FOLDER, request["schema"]), ignore_errors=True)
    return {"ok": True}


def read_all(request):
    states = glob.glob(os.path.join(FOLDER, request["schema"], "state-*.json"))
    # The newest claim's.
    newest = max(states, key=lambda path: int(path.rsplit("-", 1)[1].removesuffix(".json")))
    with open(newest) as file:
        table = json.load(file)["tables"][request["table"]]
    return {"rows": list(table["rows"].values())}


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"reset": reset, "read_all": read_all}[request["call"]](request)
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
