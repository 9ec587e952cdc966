"""What the files of a feed say; README.md has the rules. Knows neither the contract nor Arrow."""

import re
from dataclasses import dataclass

# A dead letter holds 1 MiB, and a byte that is not UTF-8 takes three there.
LINE_BYTES_MAX = 256 << 10
ROWS, CHANGES = ".tsv", ".changes.tsv"
OPERATIONS = {"insert": 0, "update": 1, "delete": 2}
TYPES = ("bigint", "boolean", "double", "string")
ESCAPED = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
WHOLE = re.compile(r"-?[0-9]{1,19}")
FLOATING = re.compile(r"-?([0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?|Infinity)|NaN")


class Malformed(ValueError):
    """A line or a header is not as README.md says; the words are for a person."""


@dataclass
class Table:
    name: str
    columns: list
    types: list
    key: list
    # The byte at which its rows begin.
    begin: int


def table(name, header, begin):
    """A table by the first line of its file, and the byte behind that."""
    columns, types, key = [], [], []
    for cell in _text(header).split("\t"):
        column, _, type = cell.removesuffix(":key").rpartition(":")
        if type not in TYPES or not column or column in columns:
            raise Malformed(f"{cell[:80]!r} is no NAME:TYPE or NAME:TYPE:key of a new name; types are {', '.join(TYPES)}")
        columns.append(column)
        types.append(type)
        if cell.endswith(":key"):
            key.append(column)
    return Table(name, columns, types, key, begin)


def row(table, line):
    """The values of a row."""
    return _values(table, _text(line).split("\t"), table.columns)


def change(table, line):
    """The values of the row that changed and the operation's number; of a row that is deleted, the key alone."""
    operation, *cells = _text(line).split("\t")
    if operation not in OPERATIONS:
        raise Malformed(f"a change is one of {', '.join(OPERATIONS)}, and not {operation[:80]!r}")
    if operation != "delete":
        values = _values(table, cells, table.columns)
    elif not table.key:
        raise Malformed("a table without a key has no row that could be deleted")
    else:
        keys = dict(zip(table.key, _values(table, cells, table.key)))
        values = [keys.get(column) for column in table.columns]
    return [*values, OPERATIONS[operation]]


def lines(path, offset, *, growing):
    """Lines from this byte on, each with the byte behind it. Of a file that is growing the last line counts once it
    has its end."""
    with open(path, "rb") as file:
        file.seek(offset)
        while line := file.readline(LINE_BYTES_MAX + 1):
            if len(line.removesuffix(b"\n")) > LINE_BYTES_MAX:
                raise Malformed(f"{path.name} has a line of more than {LINE_BYTES_MAX} bytes at byte {offset}")
            if growing and not line.endswith(b"\n"):
                return
            offset += len(line)
            yield line.removesuffix(b"\n"), offset


def _text(line):
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"byte {error.start} of the line is not UTF-8") from None


def _values(table, cells, columns):
    if len(cells) != len(columns):
        raise Malformed(f"{len(cells)} values instead of {len(columns)}")
    types = dict(zip(table.columns, table.types))
    values = [_value(column, types[column], cell) for column, cell in zip(columns, cells)]
    for column, value in zip(columns, values):
        if value is None and column in table.key:
            raise Malformed(f"{column} is of the key and has no value")
    return values


def _value(column, type, cell):
    if cell == r"\N":
        return None
    if type == "string":
        return _unescaped(column, cell)
    if type == "boolean" and cell in ("true", "false"):
        return cell == "true"
    if type == "bigint" and WHOLE.fullmatch(cell) and -(2**63) <= int(cell) < 2**63:
        return int(cell)
    if type == "double" and FLOATING.fullmatch(cell):
        return float(cell)
    raise Malformed(f"{column} is no {type}")


def _unescaped(column, cell):
    # Every second part is what stands behind a backslash.
    parts = re.split(r"\\(.?)", cell, flags=re.DOTALL)
    if any(letter not in ESCAPED for letter in parts[1::2]):
        raise Malformed(f"{column} has a backslash that none of \\ t n r follows")
    parts[1::2] = [ESCAPED[letter] for letter in parts[1::2]]
    return "".join(parts)
