"""The connector: it says in the contract's words what the other files read. Entry point of the component."""

import json
import pathlib
import time

import arrow
import feed
import positions
from componentize_py_types import Err
from reading import Answer
from wit_world import exports
from wit_world.exports import source as contract
from wit_world.imports import types

POLL_SECONDS = 0.05


def failure(action, code, message, tables=()):
    return Err(types.Failure(action, code, message, None, None, list(tables)))


class Source(exports.Source):
    def describe(self):
        grant = types.WantedGrant("read-directory", "${connection_string}", "the feed's files are there")
        options = json.dumps({"type": "object", "additionalProperties": False})
        capabilities = ["change-detection:log", "exact-snapshot"]
        about = "Tab-separated files of rows, and of what changed since"
        return types.ConnectorInfo("feed", "source", "0.1.0", about, capabilities, options, [grant])

    def connect(self, config):
        for path in config.paths:
            if path.key == "connection_string" and pathlib.Path(path.guest_path).is_dir():
                return Connection(pathlib.Path(path.guest_path))
        raise failure("config", "no-feed", f"{config.connection_string!r} is no directory that can be read")


class Connection(contract.Connection):
    def __init__(self, root):
        self.root = root
        self.selected = []
        # Schema messages that were sent, with their ids.
        self.ids = {}

    def test_connection(self):
        pass

    def identify(self, schema_name):
        return None

    def get_schema(self, schema_name):
        names = [path.name for path in self._folder(schema_name).iterdir()]
        names = [name for name in names if name.endswith(feed.ROWS) and not name.endswith(feed.CHANGES)]
        tables = [self._table(schema_name, name.removesuffix(feed.ROWS)) for name in sorted(names)]
        return [types.TableInfo(t.name, arrow.schema_message(_columns(t)), t.key, None) for t in tables]

    def select_tables(self, schema_name, tables):
        self.selected = sorted(tables)

    def check_position(self, schema_name, after):
        for name in self.selected:
            self._unread(schema_name, name, _offsets(after))

    def current_position(self, schema_name):
        # What changed since the rows were written is what the files of changes have, from their beginning.
        return positions.pack({})

    def renew_tables(self, schema_name, position, tables):
        offsets = _offsets(position)
        return positions.pack({name: offset for name, offset in offsets.items() if name not in tables})

    def plan_snapshot(self, schema_name, table, start, target_chunks):
        return [contract.Chunk("all", b"", None)]

    def get_full_snapshot(self, schema_name, table, chunk, cursor, limits):
        table, answer = self._table(schema_name, table), Answer(limits.rows_max, limits.bytes_max)
        path = self._folder(schema_name) / (table.name + feed.ROWS)
        offset = int(cursor) if cursor else table.begin
        offset = _read(answer, table, path, offset, changes=False)
        [rows] = self._batches(answer, changes=False) or [None]
        next_cursor = str(offset).encode() if answer.full else None
        return contract.SnapshotBatch(rows, _letters(answer, changes=False), next_cursor)

    def get_changes(self, schema_name, after, limits):
        deadline = time.monotonic() + limits.wait_ms / 1000
        while True:
            offsets, answer = _offsets(after), Answer(limits.rows_max, limits.bytes_max)
            for name in self.selected:
                if self._unread(schema_name, name, offsets) and not answer.full:
                    path = self._folder(schema_name) / (name + feed.CHANGES)
                    table = self._table(schema_name, name)
                    offsets[name] = _read(answer, table, path, offsets.get(name, 0), changes=True)
            left = deadline - time.monotonic()
            if answer.lines or left <= 0:
                batches, letters = self._batches(answer, changes=True), _letters(answer, changes=True)
                return contract.ChangeBatch([], batches, letters, positions.pack(offsets), not answer.full, False)
            time.sleep(min(POLL_SECONDS, left))

    def confirm(self, schema_name, position):
        pass

    def _folder(self, schema_name):
        folder = self.root / schema_name
        if not folder.is_dir():
            raise failure("config", "no-such-schema", f"the feed has no folder {schema_name!r}; each schema is one")
        return folder

    def _table(self, schema_name, name):
        path = self._folder(schema_name) / (name + feed.ROWS)
        try:
            header, begin = next(feed.lines(path, 0, growing=False), (b"", 0))
            return feed.table(name, header, begin)
        except (feed.Malformed, OSError) as error:
            raise failure("config", "malformed-table", f"the header of {path.name}: {error}", [name]) from None

    def _unread(self, schema_name, name, offsets):
        """How many bytes of a table's changes were not read yet."""
        path = self._folder(schema_name) / (name + feed.CHANGES)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            size = 0
        offset = offsets.get(name, 0)
        if size < offset:
            words = f"{path.name} has {size} bytes, and {offset} were read: {name} has to be copied again"
            raise failure("resync", "feed-rewritten", words, [name])
        return size - offset

    def _batches(self, answer, *, changes):
        batches = []
        for table, rows in answer.batches:
            columns = _columns(table) + ([arrow.Column("_op", "op")] if changes else [])
            message = arrow.schema_message(columns)
            is_new = message not in self.ids
            id = self.ids.setdefault(message, str(len(self.ids)))
            encoded = arrow.batch_message(columns, rows)
            batches.append(types.TableBatch(table.name, id, message if is_new else None, encoded, len(rows)))
        return batches


def _columns(table):
    return [arrow.Column(name, type) for name, type in zip(table.columns, table.types)]


def _offsets(position):
    try:
        return positions.unpack(position)
    except ValueError as error:
        raise failure("stop", "unreadable-position", f"this is no position of this connector: {error}") from None


def _read(answer, table, path, offset, *, changes):
    try:
        return answer.read(table, path, offset, changes=changes)
    except feed.Malformed as error:
        raise failure("stop", "line-too-long", str(error), [table.name]) from None
    except OSError as error:
        raise failure("retry", "unreadable-file", f"{path.name} cannot be read: {error}") from None


def _letters(answer, *, changes):
    operation = "unknown" if changes else "insert"
    return [
        types.DeadLetter(it.table, operation, it.line.decode(errors="replace"), "malformed-row", it.reason, it.origin, None)
        for it in answer.rejected
    ]
