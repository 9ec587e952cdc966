"""Writes and reads a PostgreSQL database by psql: a driver of the conformance kit for both classes."""

import json
import subprocess
import sys
import time

PSQL, URL, ROLE = sys.argv[1:]
TYPES = {"json": "jsonb", "double": "double precision"}
LEFT = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots;"
CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND backend_type IN ('client backend', 'walsender');
"""
PATIENCE = 30

tables = {}


def sql(text):
    command = [PSQL, URL, "-XAtq", "-v", "ON_ERROR_STOP=1"]
    ended = subprocess.run(command, input=text, text=True, capture_output=True)
    if ended.returncode != 0:
        raise RuntimeError(ended.stderr.strip())
    return ended.stdout


def name(text):
    return '"' + text.replace('"', '""') + '"'


def literal(value):
    if value is None:
        return "NULL"
    value = json.dumps(value) if isinstance(value, bool) else str(value)
    return "'" + value.replace("'", "''") + "'"


def place(request, table):
    return f"{name(request['schema'])}.{name(table)}"


def release():
    """A server notices a moment later that nobody follows a slot any more."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return sql(LEFT)
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def reset(request):
    tables.update(request["tables"])
    release()
    schemas = sql("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'").split()
    for schema in schemas:
        sql(f"SET client_min_messages = warning; DROP SCHEMA {name(schema)} CASCADE")
    for publication in sql("SELECT pubname FROM pg_publication").split():
        sql(f"DROP PUBLICATION {name(publication)}")
    if ROLE == "source":
        statements = [f"CREATE SCHEMA {name(request['schema'])};"]
        for table, shape in tables.items():
            columns = [f"{name(column)} {TYPES.get(kind, kind)}" for column, kind in shape["columns"].items()]
            key = ", ".join(map(name, shape["key"]))
            columns.append(f"PRIMARY KEY ({key})")
            statements.append(f"CREATE TABLE {place(request, table)} ({', '.join(columns)});")
        sql("\n".join(statements))
    return {"ok": True}


def write(request):
    statements = ["BEGIN;"]
    for operation in request["ops"]:
        table, row = operation["table"], operation["row"]
        key = " AND ".join(f"{name(column)} = {literal(row[column])}" for column in tables[table]["key"])
        values = ", ".join(map(literal, row.values()))
        columns = ", ".join(map(name, row))
        statements.append(
            {
                "insert": f"INSERT INTO {place(request, table)} ({columns}) VALUES ({values});",
                "update": f"UPDATE {place(request, table)} SET ({columns}) = ROW({values}) WHERE {key};",
                "delete": f"DELETE FROM {place(request, table)} WHERE {key};",
            }[operation["op"]]
        )
    sql("\n".join([*statements, "COMMIT;"]))
    return {"ok": True}


def alter(request):
    table, add = request["table"], request["add"]
    kind = TYPES.get(add["type"], add["type"])
    sql(f"ALTER TABLE {place(request, table)} ADD COLUMN {name(add['name'])} {kind}")
    tables[table]["columns"][add["name"]] = add["type"]
    return {"ok": True}


def disturb(request):
    assert request["kind"] == "cut"
    sql(CUT)
    return {"ok": True}


def rows(request):
    table = request["table"]
    values = []
    for column, kind in tables[table]["columns"].items():
        # Documents and exact numbers are told as text: JSON's own would lose what tells them apart.
        exact = kind == "json" or kind.startswith("decimal")
        values.append(f"{literal(column)}, {name(column)}{'::text' if exact else ''}")
    query = f"SELECT json_build_object({', '.join(values)}) FROM {place(request, table)};"
    found = sql(f"SET timezone = 'UTC'; {query}")
    return {"rows": [json.loads(row) for row in found.splitlines()]}


CALLS = {
    "reset": reset,
    "write": write,
    "alter": alter,
    "disturb": disturb,
    "expected": rows,
    "read_all": rows,
}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = CALLS[request["call"]](request)
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
