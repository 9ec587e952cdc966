"""test_arrow.py FOLDER: encodes each batch of wit/batches into FOLDER, for wit/batches/check.py."""

import json
import pathlib
import sys
import uuid
from decimal import Decimal

import arrow

BATCHES = pathlib.Path(__file__).parent / "../../../wit/batches"


def value(type, told):
    """What wit/batches/README.md says that a value means."""
    if told is None:
        return None
    if type.startswith("array"):
        return [value(type[len("array(") : -1], item) for item in told]
    if type.startswith("decimal"):
        return Decimal(told)
    convert = {"bigint": int, "time": int, "timestamp": int, "timestamptz": int, "float": float, "double": float}
    convert |= {"binary": bytes.fromhex, "uuid": uuid.UUID}
    return convert.get(type, lambda it: it)(told)


def main(folder):
    for file in BATCHES.glob("*.json"):
        told = json.loads(file.read_text())
        columns = [arrow.Column(**column) for column in told["columns"]]
        rows = [[value(c.type, cell) for c, cell in zip(columns, row)] for row in told["rows"]]
        encoded = arrow.schema_message(columns) + arrow.batch_message(columns, rows)
        (pathlib.Path(folder) / file.name).with_suffix(".arrow").write_bytes(encoded)


if __name__ == "__main__":
    main(sys.argv[1])
