//! Changes of a column's type, and of types that are the user's own.

use super::{Form, MOOD, form, with_type};

pub const TYPES: &[Form] = &[
    form("wider", "a int", "n", "ALTER TABLE $t ALTER a TYPE bigint"),
    form("wider_float", "a real", "n / 10.0", "ALTER TABLE $t ALTER a TYPE double precision"),
    form(
        "wider_numeric",
        "a numeric(10,3)",
        "n / 8.0",
        "ALTER TABLE $t ALTER a TYPE numeric(12,3)",
    ),
    form("scale", "a numeric(10,1)", "n / 8.0", "ALTER TABLE $t ALTER a TYPE numeric(12,3)"),
    form("no_digits", "a numeric(10,3)", "n / 8.0", "ALTER TABLE $t ALTER a TYPE numeric"),
    form("longer", "a varchar(20)", "'note ' || n", "ALTER TABLE $t ALTER a TYPE varchar(30)"),
    form("to_text", "a varchar(20)", "'note ' || n", "ALTER TABLE $t ALTER a TYPE text"),
    form("from_text", "a text", "'note ' || n", "ALTER TABLE $t ALTER a TYPE varchar(30)"),
    form("number_to_text", "a int", "n", "ALTER TABLE $t ALTER a TYPE text"),
    form("number_to_numeric", "a int", "n", "ALTER TABLE $t ALTER a TYPE numeric"),
    form(
        "date_to_timestamp",
        "a date",
        "date '2024-01-01' + n",
        "ALTER TABLE $t ALTER a TYPE timestamp",
    ),
    form("to_array", "a int", "n", "ALTER TABLE $t ALTER a TYPE int[] USING ARRAY[a]"),
    form("collation", "a text", "'note ' || n", "ALTER TABLE $t ALTER a TYPE text COLLATE \"C\""),
    form("numeric", "a numeric(10,3)", "n / 8.0", "ALTER TABLE $t ALTER a TYPE numeric(10,1)"),
    form(
        "time",
        "a time(6)",
        "time '10:00' + n * interval '1.234567 s'",
        "ALTER TABLE $t ALTER a TYPE time(1)",
    ),
    form(
        "timestamp",
        "a timestamp(6)",
        "timestamp '2024-01-01' + n * interval '1.234567 s'",
        "ALTER TABLE $t ALTER a TYPE timestamp(0)",
    ),
    form(
        "interval",
        "a interval(6)",
        "n * interval '1.234567 s'",
        "ALTER TABLE $t ALTER a TYPE interval(0)",
    ),
    form(
        "jsonb",
        "a json",
        "('{\"b\": ' || n || ',  \"a\": 1, \"b\": 2}')::json",
        "ALTER TABLE $t ALTER a TYPE jsonb",
    ),
    form(
        "length",
        "a bytea",
        "repeat('x', n)::bytea",
        "ALTER TABLE $t ALTER a TYPE int USING length(a)",
    ),
    form("narrower", "a bigint", "n", "ALTER TABLE $t ALTER a TYPE smallint USING (a % 3)"),
    form(
        "shorter",
        "a varchar(20)",
        "'note ' || n",
        "ALTER TABLE $t ALTER a TYPE varchar(3) USING left(a, 3)",
    ),
    form("same_type", "a text", "'note ' || n", "ALTER TABLE $t ALTER a TYPE text USING upper(a)"),
    form(
        "same_name",
        "a text, b int",
        "'note ' || n, n",
        "ALTER TABLE $t ALTER b TYPE int USING -b, ALTER a SET NOT NULL",
    ),
    form("character", "a text", "'note ' || n", "ALTER TABLE $t ALTER a TYPE char(20)"),
    form(
        "zone",
        "a timestamp",
        "timestamp '2024-01-01' + n * interval '1 h'",
        "ALTER TABLE $t ALTER a TYPE timestamptz USING a AT TIME ZONE 'Asia/Tokyo'",
    ),
    form("unsigned", "a int", "-n", "ALTER TABLE $t ALTER a TYPE oid"),
    form("network", "a cidr", "'10.0.0.0/32'", "ALTER TABLE $t ALTER a TYPE inet"),
];

pub const OWN_TYPES: &[Form] = &[
    with_type(
        MOOD,
        form("value", "a $t_mood", "'good'", "ALTER TYPE $t_mood ADD VALUE 'so so' BEFORE 'bad'"),
    ),
    with_type(
        MOOD,
        form(
            "label",
            "a $t_mood",
            "(CASE n % 2 WHEN 0 THEN 'good' ELSE 'bad' END)::$t_mood",
            "ALTER TYPE $t_mood RENAME VALUE 'bad' TO 'awful'",
        ),
    ),
    with_type(
        MOOD,
        form(
            "labels",
            "a $t_mood[]",
            "ARRAY['good', 'bad']::$t_mood[]",
            "ALTER TYPE $t_mood RENAME VALUE 'bad' TO 'awful'",
        ),
    ),
    with_type(
        "CREATE TYPE $t_mood AS ENUM ('good', 'bad'); CREATE DOMAIN $t_one AS $t_mood",
        form(
            "domain_label",
            "a $t_one",
            "'bad'::$t_one",
            "ALTER TYPE $t_mood RENAME VALUE 'bad' TO 'awful'",
        ),
    ),
    with_type(
        "CREATE TYPE $t_mood AS ENUM ('good', 'bad'); CREATE DOMAIN $t_moods AS $t_mood[]",
        form(
            "domain",
            "a $t_moods",
            "ARRAY['good', 'bad']::$t_moods",
            "ALTER TYPE $t_mood RENAME VALUE 'bad' TO 'awful'",
        ),
    ),
    with_type(
        "CREATE TYPE $t_mood AS ENUM ('good', 'bad'); CREATE TYPE $t_pair AS (x int, y $t_mood)",
        form(
            "inner_label",
            "a $t_pair",
            "row(n, 'bad')::$t_pair",
            "ALTER TYPE $t_mood RENAME VALUE 'bad' TO 'awful'",
        ),
    ),
    with_type(
        "CREATE TYPE $t_mood AS ENUM ('a', 'bad'); CREATE TYPE $t_span AS RANGE (subtype = $t_mood)",
        form(
            "range_label",
            "a $t_span",
            "$t_span('a', 'bad', '[]')",
            "ALTER TYPE $t_mood RENAME VALUE 'bad' TO 'awful'",
        ),
    ),
    with_type(
        MOOD,
        form(
            "made_anew",
            "a $t_mood",
            "'bad'::$t_mood",
            "ALTER TABLE $t ALTER a TYPE text; DROP TYPE $t_mood; \
             CREATE TYPE $t_mood AS ENUM ('good', 'worse'); ALTER TABLE $t ALTER a TYPE $t_mood \
             USING CASE a WHEN 'bad' THEN 'worse' ELSE a END::$t_mood",
        ),
    ),
    with_type(
        MOOD,
        form("type_name", "a $t_mood", "'bad'::$t_mood", "ALTER TYPE $t_mood RENAME TO $t_humour"),
    ),
    with_type(
        "CREATE TYPE $t_pair AS (x int, y int)",
        form(
            "composite",
            "a $t_pair",
            "row(n, -n)::$t_pair",
            "ALTER TYPE $t_pair ADD ATTRIBUTE z text",
        ),
    ),
    with_type(
        "CREATE TYPE $t_pair AS (x int, y int)",
        form(
            "attribute_dropped",
            "a $t_pair",
            "row(n, -n)::$t_pair",
            "ALTER TYPE $t_pair DROP ATTRIBUTE y",
        ),
    ),
    with_type(
        "CREATE TYPE $t_pair AS (x int, y int)",
        form(
            "attribute_renamed",
            "a $t_pair",
            "row(n, -n)::$t_pair",
            "ALTER TYPE $t_pair RENAME ATTRIBUTE y TO z",
        ),
    ),
    with_type(
        "CREATE TABLE public.$t_row (x int PRIMARY KEY, y int)",
        form(
            "row_type",
            "a public.$t_row",
            "row(n, -n)::public.$t_row",
            "ALTER TABLE public.$t_row ADD z int",
        ),
    ),
    with_type(
        "CREATE DOMAIN $t_dom AS int",
        form("domain_check", "a $t_dom", "n", "ALTER DOMAIN $t_dom ADD CHECK (VALUE > 0)"),
    ),
    with_type(
        "CREATE DOMAIN $t_dom AS int",
        form("to_domain", "a int", "n", "ALTER TABLE $t ALTER a TYPE $t_dom"),
    ),
];
