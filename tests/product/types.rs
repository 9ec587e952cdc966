//! Every built-in type of PostgreSQL comes out as it went in, byte for byte in the words of COPY:
//! by the snapshot, by the stream, and by each of the ways in which the destination writes.

mod cases;
mod random;

use std::collections::BTreeSet;

use cartridge_warp_tests::{Databases, Pipeline};
use serde_json::json;

use crate::document::{self, Line};

use cases::{CASES, Case, EXTENSIONS, OWN_TYPES, WITHOUT_VALUES};

/// Above this many changes of a table the destination takes its way for many.
const STAGED: usize = 10_100;

/// A row is this long besides its value, so that the server stores the value out of line if it can.
const PADDING: usize = 3_000;

/// The first id of rows that are so long.
const LONG: usize = 50_000;

/// A table of a type: `id`, `v`, `n` to be updated beside it, and what makes rows long.
struct Column {
    table: String,
    sql: String,
    /// The values that this server takes.
    values: Vec<String>,
    /// What the destination makes of it where that is not the same.
    kept_as: Option<&'static str>,
    /// An array of another case's values.
    is_derived: bool,
}

impl Column {
    fn create(&self) -> String {
        let Self { table, sql, .. } = self;
        // Values of more than a pointer's size leave a long row, if their type lets them.
        format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, v {sql}, n int, padding text);
             ALTER TABLE {table} ALTER padding SET STORAGE PLAIN;
             ALTER TABLE {table} SET (toast_tuple_target = 128);
             DO $$ BEGIN ALTER TABLE {table} ALTER v SET STORAGE EXTERNAL;
             EXCEPTION WHEN feature_not_supported THEN END $$;"
        )
    }

    /// Arrays of its values.
    fn array(&self) -> Self {
        let sql = &self.sql;
        let values =
            self.values.iter().map(|value| format!("({value})::{sql}")).chain(["NULL".to_owned()]);
        Self {
            table: format!("{}_a", self.table),
            sql: format!("{sql}[]"),
            values: vec![format!("ARRAY[{}]", values.collect::<Vec<_>>().join(", "))],
            kept_as: self.kept_as.map(|_| "text"),
            is_derived: true,
        }
    }

    /// Inserts each value so many times, under ids from `first` on.
    fn insert(&self, first: usize, times: usize) -> String {
        let Self { table, sql, values, .. } = self;
        let count = values.len();
        let values: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(at, value)| format!("({first} + {at}, ({value})::{sql})"))
            .collect();
        let values = values.join(", ");
        format!(
            "INSERT INTO {table} SELECT id + n * {count}, v FROM (VALUES {values}) rows (id, v), \
             generate_series(0, {times} - 1) n;"
        )
    }

    /// Gives each row from `first` on the value of the row before it.
    fn rotate(&self, first: usize) -> String {
        let table = &self.table;
        format!(
            "UPDATE {table} SET v = (SELECT v FROM {table} b WHERE b.id = {table}.id - 1) \
             WHERE id > {first};"
        )
    }
}

/// A table for each case that this server knows.
fn columns<'a>(databases: &Databases, cases: impl Iterator<Item = &'a Case>) -> Vec<Column> {
    let takes = |case: &Case, value: &str| {
        let sql = format!("SELECT ({value})::{}", case.sql);
        databases.source.try_sql("shop", &sql)
    };
    let mut columns = Vec::new();
    for (at, case) in cases.enumerate() {
        let values: Vec<&str> =
            case.values.iter().copied().filter(|value| takes(case, value).is_ok()).collect();
        if values.len() < case.values.len() {
            assert_version_explains(databases, case);
        }
        if !values.is_empty() {
            columns.push(Column {
                table: format!("t{at:03}"),
                sql: case.sql.to_owned(),
                values: values.into_iter().map(str::to_owned).collect(),
                kept_as: case.kept_as,
                is_derived: false,
            });
        }
    }
    columns
}

/// A value that the server refuses must be one that came with a later version, or a type that this
/// installation was built without; everything else is a mistake of the table.
fn assert_version_explains(databases: &Databases, case: &Case) {
    let version = &databases.at_source("SHOW server_version_num")[0];
    let version: u32 = version.parse().unwrap();
    let since = match case.sql {
        "xml" => {
            let unsupported = databases.source.try_sql("shop", "SELECT xml '<a/>'").unwrap_err();
            assert!(unsupported.contains("unsupported XML feature"), "{unsupported}");
            return;
        }
        "xid8" | "pg_snapshot" | "regcollation" => 130_000,
        "numeric" | "numeric[]" => 140_000,
        sql if sql.ends_with("multirange") => 140_000,
        "numeric(10,-2)" | "numeric(3,5)" => 150_000,
        _ => 0,
    };
    assert!(version < since, "{} does not take one of {:?}", case.sql, case.values);
}

fn everywhere(columns: &[Column], sql: impl Fn(&Column) -> String) -> String {
    columns.iter().map(sql).collect::<Vec<_>>().join("\n")
}

/// What COPY says of each table.
fn copies(columns: &[Column]) -> String {
    everywhere(columns, |Column { table, .. }| {
        format!("COPY (SELECT * FROM {table} ORDER BY id) TO STDOUT; SELECT '-';")
    })
}

/// Lets the runner catch up, then compares every table.
fn assert_equal(databases: &Databases, pipeline: &Pipeline, columns: &[Column], way: &str) {
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{way}: {}", ended.stderr);
    let by_table = |lines: Vec<String>| -> Vec<Vec<String>> {
        lines.split(|line| line == "-").map(<[String]>::to_vec).collect()
    };
    let sql = copies(columns);
    let want = by_table(databases.at_source(&sql));
    let have = by_table(databases.at_destination(&sql));
    assert_eq!(want.len(), columns.len() + 1);
    let mut wrong = Vec::new();
    for (column, (want, have)) in columns.iter().zip(want.iter().zip(&have)) {
        assert!(want.len() > 1, "{}: nothing to compare", column.sql);
        if want != have {
            let differs = want.iter().zip(have).find(|(want, have)| want != have);
            let counts = (want.len(), have.len());
            wrong.push(format!("{}: {differs:?}, rows {counts:?}", column.sql));
        }
    }
    assert!(wrong.is_empty(), "{way}:\n{}", wrong.join("\n"));
}

/// Databases that have the extensions of the installation, and a table for each type.
fn prepare() -> (Databases, Vec<Column>) {
    let databases = Databases::start();
    databases.at_source(OWN_TYPES);
    let available = databases.at_source("SELECT name FROM pg_available_extensions");
    let extensions = EXTENSIONS.iter().filter(|(name, _)| available.iter().any(|a| a == name));
    let extensions: Vec<_> = extensions.collect();
    for (name, _) in &extensions {
        let sql = format!("CREATE EXTENSION {name}");
        databases.at_source(&sql);
        databases.at_destination(&sql);
    }
    let cases = CASES.iter().chain(extensions.iter().flat_map(|(_, cases)| *cases));
    let mut columns = columns(&databases, cases);
    let is_listed = |sql: &str| columns.iter().any(|column| column.sql == sql);
    let arrays = columns.iter().filter(|column| !column.sql.ends_with(']')).map(Column::array);
    let arrays: Vec<Column> = arrays.filter(|array| !is_listed(&array.sql)).collect();
    columns.extend(arrays);
    databases.at_source(&everywhere(&columns, Column::create));
    (databases, columns)
}

fn pipeline(databases: &Databases) -> Pipeline {
    let mut pipeline = databases.pipeline();
    let schema = json!([{
        "name": "public",
        "default_batch_size": 2 * STAGED,
        "tables": [],
    }]);
    pipeline.set("schemas", schema);
    pipeline
}

#[test]
fn every_type_arrives_as_documented() {
    let (databases, columns) = prepare();
    let mut pipeline = pipeline(&databases);
    let settings: Vec<_> = columns
        .iter()
        .map(|column| json!({"name": column.table, "write_batch_size": 2 * STAGED}))
        .collect();
    pipeline.set("schemas.0.tables", json!(settings));
    databases.at_source(&everywhere(&columns, |column| {
        let nulls = format!("INSERT INTO {} SELECT generate_series(101, 140);", column.table);
        column.insert(1, 1) + &nulls
    }));
    assert_equal(&databases, &pipeline, &columns, "by the snapshot");
    assert_declared_alike(&databases, &columns);
    databases.at_source(&everywhere(&columns, |column| column.insert(201, 1)));
    assert_equal(&databases, &pipeline, &columns, "row by row");
    databases.at_source(&everywhere(&columns, |column| column.rotate(1)));
    assert_equal(&databases, &pipeline, &columns, "by updates");
    let stored_apart = update_beside_long_values(&databases, &pipeline, &columns);
    document::check("types", &lines(&columns, &stored_apart));
    // An array is text to the destination like any other of its column's type.
    let columns: Vec<Column> = columns.into_iter().filter(|column| !column.is_derived).collect();
    databases.at_source(&everywhere(&columns, |column| column.insert(301, 10)));
    assert_equal(&databases, &pipeline, &columns, "as arrays");
    databases.at_source(&everywhere(&columns, |column| {
        column.insert(1001, STAGED.div_ceil(column.values.len()))
    }));
    assert_equal(&databases, &pipeline, &columns, "through the staging table");
}

/// Updates rows, and moves some to other keys, whose values the log leaves out since they did not change.
/// The tables that store values so.
fn update_beside_long_values(
    databases: &Databases,
    pipeline: &Pipeline,
    columns: &[Column],
) -> BTreeSet<String> {
    databases.at_source(&everywhere(columns, |column| {
        let table = &column.table;
        format!(
            "CREATE TEMP TABLE long (LIKE {table}); {insert} INSERT INTO {table} SELECT id, v, 0, \
             repeat('.', {PADDING}) FROM long; DROP TABLE long;",
            insert = column.insert(LONG, 2).replace(&format!("INTO {table} "), "INTO long "),
        )
    }));
    assert_equal(databases, pipeline, columns, "long rows");
    databases.at_source(&everywhere(columns, |Column { table, .. }| {
        format!(
            "UPDATE {table} SET n = 1 WHERE id >= {LONG}; \
             UPDATE {table} SET id = id + 1000 WHERE id >= {LONG} AND id % 2 = 0;"
        )
    }));
    assert_equal(databases, pipeline, columns, "by updates beside long values");
    let apart = "SELECT relname FROM pg_class WHERE relname ~ '^t[0-9]' AND reltoastrelid <> 0 AND \
                 pg_relation_size(reltoastrelid) > 0";
    databases.at_source(apart).into_iter().collect()
}

/// What the document says: everything that got here was exact.
fn lines(columns: &[Column], stored_apart: &BTreeSet<String>) -> Vec<Line> {
    let head =
        Line::Head(&["type", "at the destination", "copy", "insert", "update", "unchanged TOAST"]);
    let of_extensions = EXTENSIONS.iter().flat_map(|(_, cases)| *cases);
    let listed: Vec<&str> = CASES.iter().chain(of_extensions).map(|case| case.sql).collect();
    let arrays = listed.iter().filter(|sql| !sql.ends_with(']')).map(|sql| format!("{sql}[]"));
    let arrays: Vec<String> = arrays.filter(|sql| !listed.contains(&sql.as_str())).collect();
    let row = |sql: &str| {
        let found = columns.iter().find(|column| column.sql == sql);
        let cells = found.map(|column| {
            let apart = if stored_apart.contains(&column.table) { "exact" } else { "–" };
            let kept = column.kept_as.map_or_else(|| "the same".to_owned(), document::code);
            [kept.as_str(), "exact", "exact", "exact", apart].map(str::to_owned).to_vec()
        });
        Line::Row(document::code(sql), cells)
    };
    let rows = listed.iter().map(|sql| row(sql)).chain(arrays.iter().map(|sql| row(sql)));
    std::iter::once(head).chain(rows).collect()
}

/// The destination's columns have the source's types, or those that the case says.
fn assert_declared_alike(databases: &Databases, columns: &[Column]) {
    let sql = "SELECT attrelid::regclass || ' ' || format_type(atttypid, atttypmod) \
               FROM pg_attribute WHERE attname = 'v' AND attrelid::regclass::text ~ '^t[0-9]+$' \
               ORDER BY attrelid::regclass::text";
    let mut want = databases.at_source(sql);
    for (column, line) in columns.iter().zip(&mut want) {
        if let Some(kept_as) = column.kept_as {
            *line = format!("{} {kept_as}", column.table);
        }
    }
    assert_eq!(databases.at_destination(sql), want);
}

#[test]
fn no_built_in_type_is_forgotten() {
    let databases = Databases::start();
    let sql = "SELECT oid::regtype FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace \
               AND typtype IN ('b', 'r', 'm') AND typcategory <> 'A' ORDER BY typname";
    let listed: Vec<String> = CASES
        .iter()
        .filter_map(|case| databases.source.try_sql("shop", &listed_as(case.sql)).ok())
        .flatten()
        .collect();
    let forgotten: Vec<String> = databases
        .at_source(sql)
        .into_iter()
        .filter(|name| !listed.contains(name) && !WITHOUT_VALUES.contains(&name.as_str()))
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
    for name in WITHOUT_VALUES {
        let made = databases.source.try_sql("shop", &format!("SELECT ''::{name}"));
        assert!(made.is_err(), "{name} has values, so it belongs among the cases");
    }
}

/// A type's own name, without its length.
fn listed_as(sql: &str) -> String {
    format!("SELECT '{}'::regtype", sql.replace('\'', "''"))
}

/// What the batch format has no form for: a column, and the rows that show it.
const REFUSED: &[(&str, &str, &str)] = &[
    ("numeric(5,2)", "'NaN'", "numeric"),
    ("numeric(38,10)", "'NaN'", "numeric"),
    ("time", "'24:00:00'", "time"),
    ("timestamp", "'294276-12-31 23:59:59.999999'", "timestamp"),
    ("timestamptz", "'294276-12-31 23:59:59.999999+00'", "timestamptz"),
];

#[test]
fn values_without_a_form_are_dead_letters_or_travel_as_text() {
    let databases = Databases::start();
    let table = |at: usize, (sql, value, _): &(&str, &str, &str)| {
        format!(
            "CREATE TABLE IF NOT EXISTS t{at} (id int PRIMARY KEY, v {sql}); INSERT INTO t{at} \
             SELECT coalesce(max(id), 0) + 1, {value} FROM t{at};
             INSERT INTO t{at} SELECT max(id) + 1 FROM t{at};"
        )
    };
    let rows =
        || -> String { REFUSED.iter().enumerate().map(|(at, case)| table(at, case)).collect() };
    databases.at_source(&rows());
    let mut pipeline = databases.pipeline();
    // By the snapshot, then by the stream.
    for round in 1..=2 {
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
        let letters = databases.at_destination(
            "SELECT table_name, error_code, payload FROM \
             cartridge_warp_metadata.dead_letter_queue ORDER BY 1",
        );
        assert_eq!(letters.len(), round * REFUSED.len(), "{letters:?}");
        assert!(letters.iter().all(|letter| letter.contains("type-conversion")), "{letters:?}");
        for at in 0..REFUSED.len() {
            let kept = databases.at_destination(&format!("SELECT count(*) FROM t{at}"));
            assert_eq!(kept, [round.to_string()], "the other rows of t{at}");
        }
        databases.at_source(&rows());
    }
    let types = BTreeSet::from_iter(REFUSED.iter().map(|case| case.2));
    pipeline.set("source.options", json!({"text_types": types}));
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    databases.at_source(&rows());
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
}
