"""Writes flatbuffers, as far as Arrow's metadata needs them.

Front to back: a table comes first and what it points to behind it, so an offset is filled in once its target
has a place. Every field that is given is written, also one that has its default value.
"""

import struct


class Scalar:
    """A number; `form` is that of `struct`."""

    def __init__(self, form, value):
        self.bytes = struct.pack("<" + form, value)


class Text:
    def __init__(self, text):
        self.text = text.encode()

    def write(self, out):
        at = _pad(out, 4)
        out += struct.pack("<I", len(self.text)) + self.text + b"\0"
        return at


class Structs:
    """A vector of structs of 8-byte integers."""

    def __init__(self, structs):
        self.structs = structs

    def write(self, out):
        # The elements behind the length stand at a multiple of 8.
        while len(out) % 8 != 4:
            out.append(0)
        at = len(out)
        out += struct.pack("<I", len(self.structs))
        for values in self.structs:
            out += struct.pack(f"<{len(values)}q", *values)
        return at


class Vector:
    """A vector of tables."""

    def __init__(self, items):
        self.items = items

    def write(self, out):
        at = _pad(out, 4)
        out += struct.pack("<I", len(self.items)) + bytes(4 * len(self.items))
        for place, item in enumerate(self.items):
            _point(out, at + 4 + 4 * place, item.write(out))
        return at


class Table:
    """A table: its fields by the numbers that its schema gives them."""

    def __init__(self, fields):
        self.fields = fields

    def write(self, out):
        offsets, size = {}, 4
        for slot, field in self.fields.items():
            width = len(field.bytes) if isinstance(field, Scalar) else 4
            size = -(-size // width) * width
            offsets[slot] = size
            size += width
        slots = max(self.fields, default=-1) + 1
        vtable = _pad(out, 2)
        places = [offsets.get(slot, 0) for slot in range(slots)]
        out += struct.pack(f"<{2 + slots}H", 4 + 2 * slots, size, *places)
        at = _pad(out, 8)
        out += struct.pack("<i", at - vtable) + bytes(size - 4)
        for slot, field in self.fields.items():
            place = at + offsets[slot]
            if isinstance(field, Scalar):
                out[place : place + len(field.bytes)] = field.bytes
            else:
                _point(out, place, field.write(out))
        return at


def finish(root):
    """The bytes of a flatbuffer with this table for its root."""
    out = bytearray(4)
    _point(out, 0, root.write(out))
    return bytes(out)


def _pad(out, alignment):
    out += bytes(-len(out) % alignment)
    return len(out)


def _point(out, place, target):
    out[place : place + 4] = struct.pack("<I", target - place)
