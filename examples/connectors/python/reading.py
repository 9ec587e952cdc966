"""Rows of a feed for one answer, as many as that may have."""

from dataclasses import dataclass, field

import feed


@dataclass
class Rejected:
    """A line that is no row."""

    table: str
    line: bytes
    reason: str
    origin: str


@dataclass
class Answer:
    rows_max: int
    bytes_max: int
    # Each a table and rows of it, in their order.
    batches: list = field(default_factory=list)
    rejected: list = field(default_factory=list)
    lines: int = 0
    bytes: int = 0
    # Whether there is more than the answer may have.
    full: bool = False

    def read(self, table, path, offset, *, changes):
        """Reads on from this byte of a file; the byte behind what was read."""
        parse, rows = feed.change if changes else feed.row, []
        for line, behind in feed.lines(path, offset, growing=changes):
            weight = _bytes(table, line)
            # The first is returned whatever it weighs.
            if self.lines and (self.lines >= self.rows_max or self.bytes + weight > self.bytes_max):
                self.full = True
                break
            try:
                rows.append(parse(table, line))
            except feed.Malformed as error:
                self.rejected.append(Rejected(table.name, line, str(error), f"{path.name}, byte {offset}"))
            self.lines, self.bytes, offset = self.lines + 1, self.bytes + weight, behind
        if rows:
            self.batches.append((table, rows))
        return offset


def _bytes(table, line):
    """What a row takes in the batch format, at most: its texts, and 8 bytes, an offset and bits for each value."""
    return len(line) + 13 * len(table.columns) + 1
