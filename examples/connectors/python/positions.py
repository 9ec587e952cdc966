"""Positions: how many bytes of each table's changes were read."""

# In front of each position, so that a later form of it can be told from this one.
VERSION = "1"


def pack(offsets):
    """The position of these offsets; a table without one begins."""
    lines = [f"{offset} {name}" for name, offset in sorted(offsets.items()) if offset]
    return "".join(line + "\n" for line in [VERSION, *lines]).encode()


def unpack(position):
    """The offsets of a position. ValueError where `pack` made no such position."""
    version, *lines = position.decode().removesuffix("\n").split("\n")
    if version != VERSION:
        raise ValueError(f"its version is {version[:20]!r}")
    pairs = [line.split(" ", 1) for line in lines]
    return {name: int(offset) for offset, name in pairs}
