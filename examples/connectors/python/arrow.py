"""Rows to the batch format: Arrow IPC messages, see `wit/BATCH-FORMAT.md`.

Columns have the types of that document (`bigint`, `decimal(12,2)`, `array(string)`, ...) and `op` for `_op`; values
are Python's: `int` for whole numbers, days and microseconds, `Decimal`, `float`, `bool`, `str`, `bytes`, `UUID`,
`list`, and `None`.
"""

import struct
from dataclasses import dataclass, field
from decimal import Context

from flatbuffer import Scalar, Structs, Table, Text, Vector, finish

# Numbers of Arrow's Schema.fbs and Message.fbs.
INT, FLOATING_POINT, BINARY, UTF8, BOOL, DECIMAL, DATE, TIME, TIMESTAMP = range(2, 11)
LIST, FIXED_SIZE_BINARY = 12, 15
MICROSECONDS = Scalar("h", 2)
VERSION_5 = Scalar("h", 4)
SCHEMA, RECORD_BATCH = 1, 3
EXTENSIONS = {"uuid": "arrow.uuid", "json": "arrow.json"}
# What one value of a type looks like, where all take as many bytes.
FORMS = {"op": "B", "integer": "i", "date": "i", "bigint": "q", "time": "q", "timestamp": "q", "timestamptz": "q"}
FORMS |= {"float": "f", "double": "d"}
# More digits than a decimal has.
EXACT = Context(prec=100)


@dataclass
class Column:
    name: str
    type: str
    metadata: dict = field(default_factory=dict)


def schema_message(columns):
    """The message that begins a table's rows."""
    fields = Vector([_field(column) for column in columns])
    return _message(SCHEMA, Table({0: Scalar("h", 0), 1: fields}), b"")


def batch_message(columns, rows):
    """One message with these rows; each has its values in the order of the columns."""
    batch = _Batch()
    for place, column in enumerate(columns):
        batch.add(column.type, [row[place] for row in rows])
    header = Table({0: Scalar("q", len(rows)), 1: Structs(batch.nodes), 2: Structs(batch.buffers)})
    return _message(RECORD_BATCH, header, bytes(batch.body))


class _Batch:
    """Arrays of a batch, one after the other."""

    def __init__(self):
        self.nodes, self.buffers, self.body = [], [], bytearray()

    def add(self, type, values):
        nulls = [value is None for value in values]
        self.nodes.append((len(values), sum(nulls)))
        # No bitmap means that no value is null.
        self._buffer(_bits(not null for null in nulls) if any(nulls) else b"")
        if type in FORMS:
            self._buffer(struct.pack(f"<{len(values)}{FORMS[type]}", *[value or 0 for value in values]))
        elif type == "boolean":
            self._buffer(_bits(values))
        elif type == "uuid":
            self._buffer(b"".join(value.bytes if value else bytes(16) for value in values))
        elif type.startswith("decimal"):
            precision, scale = _digits(type)
            width = 16 if precision <= 38 else 32
            unscaled = [0 if value is None else int(value.scaleb(scale, EXACT)) for value in values]
            self._buffer(b"".join(number.to_bytes(width, "little", signed=True) for number in unscaled))
        elif type.startswith("array"):
            lists = [value or [] for value in values]
            self._offsets(lists)
            self.add(_item(type), [item for items in lists for item in items])
        else:
            texts = [value.encode() if isinstance(value, str) else value or b"" for value in values]
            self._offsets(texts)
            self._buffer(b"".join(texts))

    def _offsets(self, parts):
        ends = [0]
        for part in parts:
            ends.append(ends[-1] + len(part))
        self._buffer(struct.pack(f"<{len(ends)}i", *ends))

    def _buffer(self, content):
        self.buffers.append((len(self.body), len(content)))
        self.body += content + bytes(-len(content) % 8)


def _bits(values):
    """A bit for each value, the first one lowest."""
    bits = bytearray()
    for place, value in enumerate(values):
        if place % 8 == 0:
            bits.append(0)
        bits[-1] |= bool(value) << place % 8
    return bytes(bits)


def _digits(type):
    precision, scale = type[len("decimal(") : -1].split(",")
    return int(precision), int(scale)


def _item(type):
    return type[len("array(") : -1]


def _field(column):
    number, type = _type(column.type)
    children = [_field(Column("item", _item(column.type)))] if number == LIST else []
    metadata = dict(column.metadata)
    if column.type in EXTENSIONS:
        metadata["ARROW:extension:name"] = EXTENSIONS[column.type]
    pairs = [Table({0: Text(key), 1: Text(value)}) for key, value in metadata.items()]
    # Every column may be null but `_op`, since a delete has only its key.
    nullable = Scalar("?", column.type != "op")
    fields = {0: Text(column.name), 1: nullable, 2: Scalar("B", number), 3: type, 5: Vector(children)}
    if pairs:
        fields[6] = Vector(pairs)
    return Table(fields)


def _type(type):
    """The number of a type and the table that says more of it."""
    if type in ("integer", "bigint", "op"):
        bits = {"integer": 32, "bigint": 64, "op": 8}[type]
        return INT, Table({0: Scalar("i", bits), 1: Scalar("?", type != "op")})
    if type in ("float", "double"):
        return FLOATING_POINT, Table({0: Scalar("h", 1 if type == "float" else 2)})
    if type.startswith("decimal"):
        precision, scale = _digits(type)
        bits = 128 if precision <= 38 else 256
        return DECIMAL, Table({0: Scalar("i", precision), 1: Scalar("i", scale), 2: Scalar("i", bits)})
    if type.startswith("array"):
        return LIST, Table({})
    return {
        "boolean": (BOOL, Table({})),
        "date": (DATE, Table({0: Scalar("h", 0)})),
        "time": (TIME, Table({0: MICROSECONDS, 1: Scalar("i", 64)})),
        "timestamp": (TIMESTAMP, Table({0: MICROSECONDS})),
        "timestamptz": (TIMESTAMP, Table({0: MICROSECONDS, 1: Text("UTC")})),
        "uuid": (FIXED_SIZE_BINARY, Table({0: Scalar("i", 16)})),
        "string": (UTF8, Table({})),
        "json": (UTF8, Table({})),
        "binary": (BINARY, Table({})),
    }[type]


def _message(kind, header, body):
    metadata = finish(Table({0: VERSION_5, 1: Scalar("B", kind), 2: header, 3: Scalar("q", len(body))}))
    metadata += bytes(-len(metadata) % 8)
    return struct.pack("<II", 0xFFFFFFFF, len(metadata)) + metadata + body
