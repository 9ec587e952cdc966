"""Writes files with other people's libraries, and what a copy of them has to hold.

Usage: write.py DIRECTORY. Each file is a table with the columns id and v; `expected.json` beside the
directory says by table, in the words of the SQLite destination, the value of each id, or that its row
is a dead letter.
"""

import datetime as dt
import decimal
import json
import pathlib
import sys
import uuid

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.parquet

REFUSED = {"refused": True}
UTC = dt.timezone.utc
root = pathlib.Path(sys.argv[1])
expected = {}


def moment(value, zone=""):
    return value.strftime("%Y-%m-%dT%H:%M:%S.%f") + zone if value else None


MOMENTS = [
    dt.datetime(2024, 5, 1, 10, 0, 0, 123456),
    dt.datetime(1969, 12, 31, 23, 59, 59),
    None,
    dt.datetime(2262, 1, 1),
]
DAYS = [dt.date(2024, 2, 29), dt.date(1900, 1, 1), None, dt.date(9999, 12, 31)]
TIMES = [dt.time(0, 0), dt.time(23, 59, 59, 999999), None, dt.time(12, 30)]
MONEY = [decimal.Decimal("1.50"), decimal.Decimal("-99999999.99"), None, decimal.Decimal("0.01")]
TEXTS = ["ä\u00a0", "", None, 'quote " comma , line\nbreak']
BYTES = [b"\x00\xff", b"", None, b"abc"]


def blob(value):
    return None if value is None else list(value)


def cases_of_arrow():
    """Arrow's types: name, type, values, and what arrives."""
    a = pyarrow
    for bits in (8, 16, 32, 64):
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        yield f"int{bits}", getattr(a, f"int{bits}")(), [low, high, None, 0], [low, high, None, 0]
        top = 2**bits - 1
        wanted = [0, top, None, 1]
        if bits == 64:
            wanted = ["0", str(top), None, "1"]
        yield f"uint{bits}", getattr(a, f"uint{bits}")(), [0, top, None, 1], wanted
    floats = [0.5, -1e30, None, 2.0**-100]
    yield "float32", a.float32(), [0.5, -2.0**60, None, 2.0**-100], [0.5, -2.0**60, None, 2.0**-100]
    yield "float64", a.float64(), floats, floats
    yield "bool", a.bool_(), [True, False, None, True], [1, 0, None, 1]
    yield "text", a.string(), TEXTS, TEXTS
    yield "large_text", a.large_string(), TEXTS, TEXTS
    yield "words", a.dictionary(a.int32(), a.string()), TEXTS, TEXTS
    yield "binary", a.binary(), BYTES, [blob(value) for value in BYTES]
    fixed = [b"ab", b"\x00\x00", None, b"zz"]
    yield "fixed_binary", a.binary(2), fixed, [blob(value) for value in fixed]
    yield "date", a.date32(), DAYS, [value and value.isoformat() for value in DAYS]
    yield "date64", a.date64(), DAYS, [value and value.isoformat() for value in DAYS]
    clock = [value and value.strftime("%H:%M:%S.%f") for value in TIMES]
    yield "time_us", a.time64("us"), TIMES, clock
    yield "time_ns", a.time64("ns"), TIMES, clock
    for unit in ("us", "ns"):
        yield f"moment_{unit}", a.timestamp(unit), MOMENTS, [moment(value) for value in MOMENTS]
        zoned = [value and value.replace(tzinfo=UTC) for value in MOMENTS]
        yield (
            f"moment_{unit}_utc",
            a.timestamp(unit, "UTC"),
            zoned,
            [moment(value, "Z") for value in MOMENTS],
        )
    yield "fine", a.timestamp("ns"), [1, 1000, None, 2**62 + 1], [
        REFUSED,
        "1970-01-01T00:00:00.000001",
        None,
        REFUSED,
    ]
    yield "far", a.timestamp("ms"), [253402300799999, -62135596800000, None, 2**62], [
        "9999-12-31T23:59:59.999000",
        "0001-01-01T00:00:00.000000",
        None,
        REFUSED,
    ]
    plain = [str(value) if value is not None else None for value in MONEY]
    for name, kind in (("money", a.decimal128(10, 2)), ("wide_money", a.decimal256(60, 2))):
        yield name, kind, MONEY, plain
    yield "nothing", a.null(), [None] * 4, [None] * 4
    spans = [0, 1, None, -1500]
    yield "span", a.duration("ms"), spans, ["PT0S", "PT0.001S", None, "PT-1.5S"]
    lists = [[1, None], [], None, [3]]
    yield "list", a.list_(a.int64()), lists, ["[1,null]", "[]", None, "[3]"]
    yield "lists", a.list_(a.list_(a.int64())), [[[1], None], [], None, [[]]], [
        "[[1],null]",
        "[]",
        None,
        "[[]]",
    ]
    pairs = [[1, 2], [3, None], None, [5, 6]]
    yield "pair", a.list_(a.int64(), 2), pairs, ["[1,2]", "[3,null]", None, "[5,6]"]
    parts = [{"z": 1, "a": "x"}, {"z": None, "a": ""}, None, {"z": 2, "a": None}]
    struct = a.struct([("z", a.int64()), ("a", a.string())])
    text = ['{"z":1,"a":"x"}', '{"z":null,"a":""}', None, '{"z":2,"a":null}']
    yield "struct", struct, parts, text
    maps = [[("k", 1)], [], None, [("a", None), ("b", 2)]]
    yield "map", a.map_(a.string(), a.int64()), maps, ['{"k":1}', "{}", None, '{"a":null,"b":2}']


def note(name, values):
    expected[name] = values


def arrow():
    forms = {
        "plain": dict(compression="none", use_dictionary=False),
        "v2": dict(compression="zstd", data_page_version="2.0", write_page_index=True),
        "gzip": dict(compression="gzip", row_group_size=2),
        "lz4": dict(compression="lz4", version="1.0"),
        "small": dict(compression="snappy", data_page_size=1, write_statistics=False),
    }
    for kind, data_type, values, wanted in cases_of_arrow():
        ids = pyarrow.array(range(len(values)), pyarrow.int64())
        table = pyarrow.table({"id": ids, "v": pyarrow.array(values, data_type)})
        for form, options in forms.items():
            # Format 1.0 has no nanoseconds: the library keeps microseconds and refuses the rest.
            if form == "lz4" and kind in ("fine", "uint32", "far"):
                continue
            name = f"arrow_{kind}_{form}"
            pyarrow.parquet.write_table(table, root / f"{name}.parquet", **options)
            note(name, wanted)
    moments = pyarrow.table({
        "id": pyarrow.array([0, 1, 2, 3], pyarrow.int64()),
        "v": pyarrow.array(MOMENTS, pyarrow.timestamp("us")),
    })
    name = "arrow_int96"
    path = root / f"{name}.parquet"
    pyarrow.parquet.write_table(moments, path, use_deprecated_int96_timestamps=True)
    note(name, [moment(value) for value in MOMENTS])


def of_polars():
    p = polars
    kinds = {
        "int": (p.Int32, [1, -1, None], [1, -1, None]),
        "uint": (p.UInt64, [1, 2**64 - 1, None], ["1", str(2**64 - 1), None]),
        "float": (p.Float64, [0.5, -0.25, None], [0.5, -0.25, None]),
        "bool": (p.Boolean, [True, False, None], [1, 0, None]),
        "text": (p.String, TEXTS[:3], TEXTS[:3]),
        "category": (p.Categorical, ["a", "b", None], ["a", "b", None]),
        "binary": (p.Binary, BYTES[:3], [blob(value) for value in BYTES[:3]]),
        "date": (p.Date, DAYS, [value and value.isoformat() for value in DAYS]),
        "time": (p.Time, TIMES, [value and value.strftime("%H:%M:%S.%f") for value in TIMES]),
        "moment": (p.Datetime("us"), MOMENTS, [moment(value) for value in MOMENTS]),
        "decimal": (p.Decimal(10, 2), MONEY, [value and str(value) for value in MONEY]),
        "list": (p.List(p.Int64), [[1, None], [], None], ["[1,null]", "[]", None]),
        "array": (p.Array(p.Int64, 2), [[1, 2], None], ["[1,2]", None]),
        "struct": (p.Struct({"a": p.Int64}), [{"a": 1}, {"a": None}], ['{"a":1}', '{"a":null}']),
        "span": (p.Duration("ms"), [dt.timedelta(milliseconds=1500), None], ["PT1.5S", None]),
    }
    for kind, (data_type, values, wanted) in kinds.items():
        ids = range(len(values))
        frame = p.DataFrame({"id": ids, "v": p.Series(values, dtype=data_type)})
        for compression in ("zstd", "snappy"):
            name = f"polars_{kind}_{compression}"
            frame.write_parquet(root / f"{name}.parquet", compression=compression)
            note(name, wanted)
    numbers = p.DataFrame({"id": [0, 1], "v": [0.5, 1e-7]})
    numbers.write_csv(root / "polars_csv.csv")
    note("polars_csv", [0.5, 1e-7])
    numbers.write_ndjson(root / "polars_json.ndjson")
    note("polars_json", [0.5, 1e-7])


def of_duckdb():
    own = "5cd7ee56-9b5e-4cf5-8d2a-1f1f1f1f1f1f"
    kinds = {
        "hugeint": ("170141183460469231731687303715884105727::DECIMAL(38,0) // 10", None),
        "integer": ("7::INTEGER", 7),
        "ubigint": ("18446744073709551615::UBIGINT", "18446744073709551615"),
        "double": ("0.1::DOUBLE", 0.1),
        "decimal": ("1.50::DECIMAL(10,2)", "1.50"),
        "text": ("'ä'", "ä"),
        "enumerated": ("'b'::ENUM('a','b')", "b"),
        "blob": ("'\\xFF'::BLOB", [255]),
        "uuid": (f"'{own}'::UUID", own),
        "json": ("'{\"a\": 1}'::JSON", '{"a": 1}'),
        "date": ("DATE '2024-02-29'", "2024-02-29"),
        "time": ("TIME '12:30:00.5'", "12:30:00.500000"),
        "moment": ("TIMESTAMP '2024-05-01 10:00:00.123456'", "2024-05-01T10:00:00.123456"),
        "zoned": ("TIMESTAMPTZ '2024-05-01 10:00:00+00'", "2024-05-01T10:00:00.000000Z"),
        "nanos": ("TIMESTAMP_NS '2024-05-01 10:00:00.123456789'", REFUSED),
        "interval": ("INTERVAL '14 months 3 days 250 milliseconds'", "P14M3DT0.25S"),
        "list": ("[1, NULL]", "[1,null]"),
        "struct": ("{'z': 1, 'a': 'x'}", '{"z":1,"a":"x"}'),
        "map": ("MAP {'k': 1}", '{"k":1}'),
        "flag": ("true", 1),
    }
    del kinds["hugeint"]
    connection = duckdb.connect()
    for kind, (value, wanted) in kinds.items():
        for codec in ("snappy", "zstd"):
            name = f"duckdb_{kind}_{codec}"
            query = f"SELECT 0::BIGINT AS id, {value} AS v UNION ALL SELECT 1, NULL"
            path = root / f"{name}.parquet"
            connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, CODEC {codec})")
            note(name, [wanted, None])
    query = "SELECT 0 AS id, 'a,\"b' AS v UNION ALL SELECT 1, NULL"
    connection.execute(f"COPY ({query}) TO '{root}/duckdb_csv.csv' (HEADER)")
    note("duckdb_csv", ['a,"b', None])


def of_pandas():
    kinds = {
        "int": (pandas.array([1, None], dtype="Int64"), [1, None]),
        "float": (pandas.array([0.5, None], dtype="float64"), [0.5, None]),
        "text": (pandas.array(["a", None], dtype="string"), ["a", None]),
        "category": (pandas.Categorical(["a", "b"]), ["a", "b"]),
        "moment": (pandas.to_datetime(["2024-05-01 10:00:00.5", None]), [
            "2024-05-01T10:00:00.500000",
            None,
        ]),
        "flag": (pandas.array([True, None], dtype="boolean"), [1, None]),
    }
    for kind, (values, wanted) in kinds.items():
        frame = pandas.DataFrame({"id": [0, 1], "v": values})
        name = f"pandas_{kind}"
        frame.to_parquet(root / f"{name}.parquet", index=False)
        note(name, wanted)
    frame = pandas.DataFrame({"id": [0, 1], "v": ["02134", "x"]})
    frame.to_csv(root / "pandas_csv.csv")
    note("pandas_csv", ["02134", "x"])
    frame.to_json(root / "pandas_json.jsonl", orient="records", lines=True)
    note("pandas_json", ["02134", "x"])


arrow()
of_polars()
of_duckdb()
of_pandas()
(root.parent / "expected.json").write_text(json.dumps(expected))
print(len(expected))
