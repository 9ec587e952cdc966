//! The types, and values of each that tell whether it was understood.

/// A type as SQL, values of it as SQL, and what the destination makes of the column where that is
/// not the same type.
pub struct Case {
    pub sql: &'static str,
    pub values: &'static [&'static str],
    pub kept_as: Option<&'static str>,
}

const fn case(sql: &'static str, values: &'static [&'static str]) -> Case {
    Case { sql, values, kept_as: None }
}

/// A type that is the user's own, an extension's, or an inner one of the server: it is kept as text, a
/// domain as what it stands on.
const fn kept_as(
    sql: &'static str,
    kept_as: &'static str,
    values: &'static [&'static str],
) -> Case {
    Case { sql, values, kept_as: Some(kept_as) }
}

/// What [`CASES`] and [`EXTENSIONS`] need at the source.
pub const OWN_TYPES: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'so so', 'it''s \"fine\"');
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE DOMAIN small_positive AS positive CHECK (VALUE < 100);
    CREATE DOMAIN price AS numeric(12,2);
    CREATE DOMAIN tags AS text[];
    CREATE TYPE pair AS (a int, b text, at timestamptz);
    CREATE TYPE floatrange AS RANGE (subtype = float8);
    CREATE DOMAIN humour AS mood;
    CREATE DOMAIN spread AS floatrange;
    CREATE TYPE nested AS (p pair, m mood[], d price);
    CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.item (id int, name text);";

/// Built-in types whose values no statement can make, so that no column has any.
pub const WITHOUT_VALUES: &[&str] = &[
    "gtsvector",
    "pg_brin_bloom_summary",
    "pg_brin_minmax_multi_summary",
    "pg_dependencies",
    "pg_mcv_list",
    "pg_ndistinct",
    "pg_node_tree",
];

/// Extensions with types, where the installation has them: they are made on both sides.
pub const EXTENSIONS: &[(&str, &[Case])] = &[
    (
        "hstore",
        &[kept_as(
            "hstore",
            "text",
            &[r#"'a=>1, "b c"=>NULL, "d\"e"=>"f,g"'"#, "''", r#"'"ü"=>"\\"'"#],
        )],
    ),
    ("citext", &[kept_as("citext", "text", &["'Ab'", "'aB'", "''"])]),
    ("ltree", &[kept_as("ltree", "text", &["'Top.Science.Astronomy'", "''"])]),
    ("cube", &[kept_as("cube", "text", &["'(1,2),(3,4.5)'", "'(0)'"])]),
    ("isn", &[kept_as("isbn13", "text", &["'978-0-393-04002-9'"])]),
    ("seg", &[kept_as("seg", "text", &["'1.50 .. 2'", "'~3'"])]),
    ("intarray", &[kept_as("query_int", "text", &["'1&(2|!3)'"])]),
    ("lo", &[kept_as("lo", "text", &["'1'", "'4294967295'"])]),
    (
        "vector",
        &[
            kept_as("vector", "text", &["'[1,2.5,-0.1]'"]),
            kept_as("vector(2)", "text", &["'[1,2.5]'"]),
            kept_as("halfvec", "text", &["'[1,2.5]'"]),
            kept_as("sparsevec", "text", &["'{1:0.5,3:2}/5'"]),
        ],
    ),
];

pub const CASES: &[Case] = &[
    // Numbers.
    case("boolean", &["true", "false"]),
    case("smallint", &["-32768", "32767", "0"]),
    case("integer", &["-2147483648", "2147483647"]),
    case("bigint", &["-9223372036854775808", "9223372036854775807"]),
    case(
        "real",
        &["'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "1e-45", "3.4028235e38", "0.1", "16777217"],
    ),
    case(
        "double precision",
        &["'NaN'", "'Infinity'", "'-0'", "5e-324", "1.7976931348623157e308", "0.1", "1e23"],
    ),
    case(
        "numeric",
        &[
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "0",
            "0.000",
            "-1.50",
            "repeat('9', 1000)",
            "'0.' || repeat('0', 998) || '1'",
            "repeat('7', 1000) || '.' || repeat('3', 1000)",
            "'1e131071'",
        ],
    ),
    case("numeric(5,2)", &["-999.99", "0", "0.01", "100"]),
    case("numeric(18,0)", &["999999999999999999", "-1"]),
    case("numeric(38,10)", &["1234567890123456789012345678.0123456789", "-0.0000000001"]),
    case("numeric(76,20)", &["repeat('9', 56) || '.' || repeat('9', 20)", "'-1e-20'", "0"]),
    case("numeric(100,3)", &["repeat('9', 97) || '.999'", "'NaN'", "0.001"]),
    case("numeric(1000,0)", &["repeat('9', 1000)", "'-' || repeat('8', 1000)", "'NaN'"]),
    case("numeric(10,-2)", &["1234567890", "-150", "0"]),
    case("numeric(3,5)", &["0.00999", "-0.00001"]),
    case("money", &["'-92233720368547758.08'", "'1234.5'", "0"]),
    // Text and bytes.
    case(
        "text",
        &[
            "''",
            r"E'\t\n\r\\ \\. \\N \b\f\v\x01\x7f'",
            "'N'",
            "'ключ 日本 🦀 é'",
            "'\"{},()'",
            "repeat('日本 ', 900)",
        ],
    ),
    case("character varying", &["''", "'  ab  '", "repeat('ab ', 1500)"]),
    case("character varying(5)", &["'ab  '", "'日本🦀éü'"]),
    case("character(5)", &["'ab'", "''", "'日本🦀éü'"]),
    case("\"char\"", &["'a'", "''", "'\\'"]),
    case("name", &["'pg_class'", "''", "repeat('n', 63)"]),
    case("bytea", &["''", r"'\x00ff5c7f0a'", "decode(repeat('00', 5000), 'hex')"]),
    kept_as("refcursor", "text", &["'a cursor'"]),
    // Times.
    case(
        "date",
        &["'infinity'", "'-infinity'", "'4713-01-01 BC'", "'0001-12-31 BC'", "'5874897-12-31'"],
    ),
    case("time", &["'00:00'", "'23:59:59.999999'", "'12:00:00.5'"]),
    case("time(0)", &["'23:59:58'"]),
    case("time with time zone", &["'24:00:00-15:59:59'", "'00:00:00.000001+05:30'", "'10:00+00'"]),
    case(
        "timestamp",
        &[
            "'infinity'",
            "'-infinity'",
            "'4713-01-01 00:00:00 BC'",
            "'0044-03-15 12:00:00.123456 BC'",
            "'294246-12-31 23:59:59.999999'",
            "'2000-02-29 00:00:00.1'",
        ],
    ),
    case("timestamp(3)", &["'2024-06-01 10:00:00.123'"]),
    case(
        "timestamptz",
        &[
            "'infinity'",
            "'-infinity'",
            "'4713-01-01 00:00:00+00 BC'",
            "'294246-12-31 23:59:59.999999+00'",
            "'1883-11-18 12:03:57-04:56:02'",
        ],
    ),
    case(
        "interval",
        &[
            "'0'",
            "'-1 years +2 mons -3 days +04:05:06.789'",
            "'178000000 years'",
            "'2147483647 days -9223372036.854775 secs'",
            "'-00:00:00.000001'",
        ],
    ),
    kept_as("interval year to month", "text", &["'7 years 1 mon'"]),
    case("interval(2)", &["'1.23 secs'"]),
    // Documents.
    case(
        "json",
        &[
            r#"'{"b":  1, "a": 1.10, "a": null}'"#,
            "'1e400'",
            r#"'"\u00fc\ud83e\udd80 \\ \u0000"'"#,
            "E'[\n1 ]'",
            "'null'",
        ],
    ),
    case(
        "jsonb",
        &[
            r#"'{"b":  1, "a": 1.10, "a": null}'"#,
            "'1e400'",
            r#"'"\u00fc\ud83e\udd80 \\"'"#,
            r#"'"\ud83e\udd80"'"#,
            "'[]'",
            "'null'",
            "'-0.000'",
            r#"'{"": [1, [2, {"x": false}]]}'"#,
        ],
    ),
    case("jsonpath", &[r#"'$."a"[*] ? (@.b > 1.50)'"#, "'strict $'"]),
    case(
        "xml",
        &[r#"'<a b="c">&amp;<!-- x --></a>'"#, "'text only'", "'<?xml version=\"1.0\"?><ü/>'"],
    ),
    case("tsvector", &[r#"'a:1A fat:2B,4C rat:5D ''it''''s'':7'"#, "''"]),
    case("tsquery", &["'fat & (rat | !cat) <-> dog:AB*'", "''"]),
    // Networks and bits.
    case(
        "uuid",
        &["'00000000-0000-0000-0000-000000000000'", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"],
    ),
    case("inet", &["'10.0.0.1'", "'10.0.0.1/8'", "'::1'", "'2001:db8::1/64'", "'::ffff:1.2.3.4'"]),
    case("cidr", &["'10.0.0.0/8'", "'2001:db8::/32'", "'0.0.0.0/0'"]),
    case("macaddr", &["'08:00:2b:01:02:03'"]),
    case("macaddr8", &["'08:00:2b:01:02:03:04:05'"]),
    case("bit(3)", &["B'101'", "B'000'"]),
    case("bit varying", &["B''", "B'1'", "repeat('10', 500)"]),
    case("bit varying(5)", &["B'10'"]),
    // Geometry.
    case("point", &["'(1.5,-2)'", "'(Infinity,NaN)'", "'(0.1,1e-300)'"]),
    case("line", &["'{1,-1,0.5}'"]),
    case("lseg", &["'[(0,0),(1,1.5)]'"]),
    case("box", &["'((2,2),(0,0.1))'"]),
    case("path", &["'[(0,0),(1,1)]'", "'((0,0),(1,1),(2,0))'"]),
    case("polygon", &["'((0,0),(1,1),(2,0))'"]),
    case("circle", &["'<(0,0),1.5>'"]),
    // Ranges.
    case("int4range", &["'[1,10)'", "'(,5]'", "'empty'", "'(,)'"]),
    case("int8range", &["'[-9223372036854775808,9223372036854775807)'"]),
    case("numrange", &["'(1.50,2.5]'", "'[NaN,NaN]'"]),
    case("daterange", &["'[2024-01-01,infinity)'", "'[0044-03-15 BC,)'"]),
    case("tsrange", &["'[2024-01-01 00:00:00,infinity]'"]),
    case("tstzrange", &["'(2024-01-01 00:00:00+02,)'"]),
    case("int4multirange", &["'{}'", "'{[1,3),[5,9)}'"]),
    case("int8multirange", &["'{(,0),[5,)}'"]),
    case("nummultirange", &["'{[1.5,2.50]}'"]),
    case("datemultirange", &["'{[2024-01-01,2024-02-01)}'"]),
    case("tsmultirange", &["'{[2024-01-01 00:00:00,2024-02-01 00:00:00.5)}'"]),
    case("tstzmultirange", &["'{(-infinity,2024-02-01 00:00:00+00)}'"]),
    // Arrays.
    case("integer[]", &["'{}'", "'{1,NULL,-3}'", "'[0:2]={1,NULL,3}'", "'{{1,2},{3,4}}'"]),
    case("integer[][]", &["'[-1:0][2:3]={{1,2},{3,NULL}}'"]),
    case("text[]", &[r#"'{"", NULL, "NULL", "a,b", "c\"d\\e", " ü "}'"#, "'{{a,b},{c,NULL}}'"]),
    case("bytea[]", &[r#"'{"\\x00ff",NULL}'"#]),
    case("numeric[]", &["'{NaN,1.50,Infinity}'"]),
    case("numeric(5,1)[]", &["'{NaN,1.5}'"]),
    case("timestamptz[]", &["'{infinity,\"2024-01-01 00:00:00+02\"}'"]),
    case("double precision[]", &["'{NaN,0.1,-0}'"]),
    case("jsonb[]", &[r#"'{"{\"a\": 1.10}",null,"null"}'"#]),
    case("uuid[]", &["'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'"]),
    case("boolean[]", &["'{t,NULL,f}'"]),
    case("int4range[]", &["'{\"[1,5)\",empty}'"]),
    case("box[]", &["'{(1,1),(0,0);(2,2),(1,1)}'"]),
    case("character varying(3)[]", &["'{abc,\"x \"}'"]),
    // The server's own.
    case("oid", &["0", "4294967295"]),
    kept_as("xid", "text", &["'4294967295'"]),
    kept_as("xid8", "text", &["'18446744073709551615'"]),
    kept_as("cid", "text", &["'7'"]),
    kept_as("tid", "text", &["'(4294967295,65535)'"]),
    case("pg_lsn", &["'16/B374D848'", "'0/0'"]),
    case("pg_snapshot", &["'10:20:10,14,15'"]),
    case("txid_snapshot", &["'10:20:10,14,15'"]),
    kept_as("int2vector", "text", &["'1 -2 3'"]),
    kept_as("oidvector", "text", &["'1 2'"]),
    kept_as("aclitem", "text", &["'postgres=arwd*/postgres'", "'=r/postgres'"]),
    kept_as("regclass", "text", &["'pg_class'", "0"]),
    kept_as("regcollation", "text", &["'\"C\"'"]),
    kept_as("regconfig", "text", &["'english'"]),
    kept_as("regdictionary", "text", &["'simple'"]),
    kept_as("regnamespace", "text", &["'pg_catalog'"]),
    kept_as("regoper", "text", &["'||/'"]),
    kept_as("regoperator", "text", &["'*(integer,integer)'"]),
    kept_as("regproc", "text", &["'now'"]),
    kept_as("regprocedure", "text", &["'sum(integer)'"]),
    kept_as("regrole", "text", &["'postgres'"]),
    kept_as("regtype", "text", &["'timestamp with time zone'", "'integer[]'"]),
    // The user's own.
    kept_as("mood", "text", &["'so so'", "'it''s \"fine\"'"]),
    kept_as("mood[]", "text", &["'{sad,NULL,\"so so\"}'"]),
    kept_as("positive", "integer", &["1", "2147483647"]),
    kept_as("small_positive", "integer", &["99"]),
    kept_as("price", "numeric(12,2)", &["-1234567890.12", "0"]),
    kept_as("tags", "text", &["'{a,\"b c\"}'"]),
    kept_as(
        "pair",
        "text",
        &["ROW(1, 'a \"b\",', '2024-01-01 00:00:00+02')", "ROW(NULL, '', NULL)"],
    ),
    kept_as("pair[]", "text", &["ARRAY[ROW(1, 'x', NULL)::pair, NULL]"]),
    kept_as("floatrange", "text", &["'[0.1,NaN)'", "'empty'"]),
    kept_as("humour", "text", &["'sad'"]),
    kept_as("spread", "text", &["'[0.1,NaN)'"]),
    kept_as(
        "nested",
        "text",
        &["ROW(ROW(1, 'a \"b\",', NULL)::pair, '{sad,NULL}'::mood[], 1.50)::nested"],
    ),
    kept_as("elsewhere.item", "text", &["ROW(1, 'a row of a table')::elsewhere.item"]),
    kept_as("information_schema.cardinal_number", "integer", &["7"]),
    kept_as("information_schema.character_data", "text", &["'text'"]),
    kept_as("information_schema.sql_identifier", "text", &["'a name'"]),
    kept_as(
        "information_schema.time_stamp",
        "timestamp with time zone",
        &["'2024-01-01 10:00:00.12+00'"],
    ),
    kept_as("information_schema.yes_or_no", "text", &["'YES'", "'NO'"]),
];
