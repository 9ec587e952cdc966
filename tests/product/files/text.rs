//! Text becomes a number only if it is that number's own, and no row is passed over in silence.

use cartridge_warp_tests::Pipeline;
use serde_json::{Value, json};

use super::{assert_ended, letters, origins, rows, small_sample};

/// A file of table `t`, of which the first row is the sample, and what becomes of it.
struct Case {
    name: &'static str,
    file: &'static str,
    content: &'static str,
    /// The column `v` of the rows that arrive.
    values: &'static str,
    /// The lines of those that do not.
    letters: &'static [usize],
}

const CASES: &[Case] = &[
    Case {
        name: "zeros in front make a post code",
        file: "t.csv",
        content: "id,v\n1,5\n2,02134\n3,0\n4,-7\n",
        values: "[5, 0, -7]",
        letters: &[3],
    },
    Case {
        name: "a plus, a blank, or another sign of no number",
        file: "t.csv",
        content: "id,v\n1,5\n2,+7\n3, 7\n4,1_000\n5,-0\n6,7.0\n7,1e3\n",
        values: "[5]",
        letters: &[3, 4, 5, 6, 7, 8],
    },
    Case {
        name: "powers of ten are numbers in a column of doubles, but not between quotes",
        file: "t.csv",
        content: "id,v\n1,0.5\n2,1e5\n3,\"1e5\"\n4,\"1.50\"\n5,01.5\n6,+1.5\n7,.5\n8,1e-05\n",
        values: "[0.5, 100000.0, 1.5, 0.00001]",
        letters: &[4, 6, 7, 8],
    },
    Case {
        name: "a double is no number that it would round",
        file: "t.csv",
        content: "id,v\n1,0.5\n2,9007199254740993\n3,9007199254740992\n\
                  4,3.14159265358979323846\n5,3.141592653589793\n6,1e400\n7,1e-400\n\
                  8,0.1234567890123456789\n",
        values: "[0.5, 9007199254740992.0, 3.141592653589793]",
        letters: &[3, 5, 7, 8, 9],
    },
    Case {
        name: "the same for numbers of JSON",
        file: "t.ndjson",
        content: "{\"id\":1,\"v\":0.5}\n{\"id\":2,\"v\":9007199254740993}\n\
                  {\"id\":3,\"v\":3.14159265358979323846}\n{\"id\":4,\"v\":1e5}\n",
        values: "[0.5, 100000.0]",
        letters: &[2, 3],
    },
    Case {
        name: "a field twice, at any depth, also where one of them is null or spelled otherwise",
        file: "t.ndjson",
        content: "{\"id\":1,\"v\":5}\n{\"id\":2,\"v\":6,\"v\":7}\n{\"id\":3,\"v\":8,\"\\u0076\":8}\n\
                  {\"id\":4,\"v\":null,\"v\":9}\n{\"id\":5,\"v\":10,\"w\":{\"x\":1,\"x\":2}}\n\
                  {\"id\":6,\"v\":11,\"w\":[{\"x\":{\"y\":1,\"y\":1}}]}\n{\"id\":7,\"v\":12,\"new\":1,\"new\":2}\n\
                  {\"_op\":\"i\",\"_op\":\"d\",\"id\":8,\"v\":13}\n{\"id\":9,\"v\":14,\"w\":[{\"x\":1},{\"x\":1}]}\n",
        values: "[5, 14]",
        letters: &[2, 3, 4, 5, 6, 7, 8],
    },
    Case {
        name: "texts of JSON in a column of doubles",
        file: "t.ndjson",
        content: "{\"id\":1,\"v\":0.5}\n{\"id\":2,\"v\":\"1e5\"}\n{\"id\":3,\"v\":\"02134\"}\n\
                  {\"id\":4,\"v\":\"1.25\"}\n{\"id\":5,\"v\":\"+7\"}\n",
        values: "[0.5, 1.25]",
        letters: &[2, 3, 5],
    },
    Case {
        name: "texts of JSON in a column of whole numbers",
        file: "t.ndjson",
        content: "{\"id\":1,\"v\":1}\n{\"id\":2,\"v\":\"02134\"}\n{\"id\":3,\"v\":\"+7\"}\n\
                  {\"id\":4,\"v\":\"12\"}\n{\"id\":5,\"v\":1.0}\n",
        values: "[1, 12]",
        letters: &[2, 3, 5],
    },
    Case {
        name: "numbers in a column of truth values",
        file: "t.csv",
        content: "id,v\n1,true\n2,1\n3,0\n4,t\n5,false\n",
        values: "[1, 0]",
        letters: &[3, 4, 5],
    },
    Case {
        name: "trailing delimiters",
        file: "t.csv",
        content: "id,v\n1,a,\n2,b,\n",
        values: "[]",
        letters: &[2, 3],
    },
    Case {
        name: "a blank behind a quote",
        file: "t.csv",
        content: "\"id\" ,\"v\"\n1,\"a\" \n",
        values: "[\"a\"]",
        letters: &[],
    },
    Case {
        name: "a column without a value in the sample",
        file: "t.csv",
        content: "id,v\n1,\n2,\n3,x\n",
        values: "[null, null, \"x\"]",
        letters: &[],
    },
    Case {
        name: "words of JavaScript",
        file: "t.ndjson",
        content: "{\"id\":1,\"v\":NaN}\n{\"id\":2,\"v\":5}\n",
        values: "[5]",
        letters: &[1],
    },
];

#[test]
fn no_value_becomes_another_and_no_row_is_lost() {
    for Case { name, file, content, values, letters } in CASES {
        let pipeline = small_sample();
        pipeline.write(file, content);
        assert_ended(name, &pipeline.catch_up(), letters.len());
        let found = Value::from_iter(
            rows(&pipeline).as_array().unwrap().iter().map(|row| &row["v"]).cloned(),
        );
        assert_eq!(found, serde_json::from_str::<Value>(values).unwrap(), "{name}");
        let expected: Vec<String> =
            letters.iter().map(|line| format!("shop/{file}:{line}")).collect();
        assert_eq!(origins(&pipeline), expected, "{name}");
    }
}

#[test]
fn what_the_sample_shows_widens_the_column() {
    for (values, expected) in [
        ("9007199254740993\n0.5", json!(["9007199254740993", "0.5"])),
        ("5\n02134", json!(["5", "02134"])),
        ("18446744073709551615\n1", json!(["18446744073709551615", "1"])),
        ("3.14159265358979323846\n1", json!(["3.14159265358979323846", "1"])),
        ("9223372036854775807\n1", json!([9_223_372_036_854_775_807_i64, 1])),
    ] {
        let pipeline = Pipeline::new();
        let lines = values.lines().enumerate().map(|(id, value)| format!("{id},{value}\n"));
        pipeline.write("t.csv", &format!("id,v\n{}", lines.collect::<String>()));
        assert_ended(values, &pipeline.catch_up(), 0);
        let found = rows(&pipeline);
        let found = Value::from_iter(found.as_array().unwrap().iter().map(|row| row["v"].clone()));
        assert_eq!(found, expected);
    }
}

#[test]
fn files_of_which_no_row_can_be_read_are_named() {
    let files: &[(&str, &[u8], usize)] = &[
        ("t.csv", b"id,name\n1,M\xfcller\n2,G\xf6del\n", 2),
        ("t.csv", b"\xff\xfei\0d\0\n\x001\0\n\0", 1),
        ("t.csv", b"\"id\"x,name\n1,a\n", 1),
        ("t.ndjson", b"{\n  \"id\": 1,\n  \"v\": 2\n}\n", 4),
        ("t.ndjson", b"{NaN}\n", 1),
    ];
    for (file, content, count) in files {
        let shown = String::from_utf8_lossy(content);
        let pipeline = Pipeline::new();
        pipeline.write("other.ndjson", "{\"id\":1}\n");
        std::fs::write(pipeline.path("data/shop").join(file), content).unwrap();
        assert_ended(&shown, &pipeline.catch_up(), *count);
        assert!(letters(&pipeline).iter().all(|letter| letter["table_name"] == json!("t")));
        let places = origins(&pipeline);
        assert_eq!(places.len(), *count, "{shown}: {places:?}");
        assert!(places.iter().all(|place| place.contains(file)), "{shown}: {places:?}");
    }
}

#[test]
fn an_empty_line_is_a_row_where_there_is_one_column() {
    for (content, more, values) in [
        ("v\n1\n\n3\n", "\n4\n", json!([1, null, 3, null, 4])),
        ("v\r\n\r\na\r\n", "\r\n", json!([null, "a", null])),
        ("v\na\n  \n", "b\n", json!(["a", "  ", "b"])),
        ("v,w\n1,a\n\n2,b\n", "\n  \n3,c\n", json!([1, 2, 3])),
    ] {
        let mut pipeline = Pipeline::new();
        pipeline.set("schemas.0.tables", json!([{"name": "t", "write_mode": "append"}]));
        pipeline.write("t.csv", content);
        assert_ended(content, &pipeline.catch_up(), 0);
        pipeline.append("t.csv", more);
        assert_ended(content, &pipeline.catch_up(), 0);
        let found = rows(&pipeline);
        let found = Value::from_iter(found.as_array().unwrap().iter().map(|row| row["v"].clone()));
        assert_eq!(found, values, "{content:?}");
    }
}

#[test]
fn what_looks_like_data_and_is_not_read_is_named() {
    for (file, is_named) in [
        ("t.csv.gz", true),
        ("t.ndjson.1.zst", true),
        ("days/day=1/a.csv", true),
        ("days/day=1/hour=2/a.parquet", true),
        ("lake/_delta_log/00000000000000000000.json", true),
        ("lake/.hoodie/hoodie.properties", true),
        ("days/notes/readme.txt", false),
        ("archive.tar.gz", false),
    ] {
        let pipeline = Pipeline::new();
        pipeline.write("t.csv", "id\n1\n");
        pipeline.write(file, "x");
        let ended = pipeline.catch_up();
        assert_ended(file, &ended, 0);
        let words = "deeper directories and tables of Delta Lake or Hudi are not read";
        assert_eq!(ended.stderr.contains(words), is_named, "{file}: {}", ended.stderr);
    }
}
