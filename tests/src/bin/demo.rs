//! The demo's eyes: counts a table, and compares source files with their copy.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use cartridge_warp_tests::rows::{Row, sqlite_count_live, sqlite_query};
use serde_json::Value;

type Rows = BTreeMap<i64, Row>;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["count", database, table] => {
            let count = sqlite_count_live(Path::new(database), table).unwrap_or(0);
            writeln!(io::stdout(), "{count}")?;
            Ok(ExitCode::SUCCESS)
        }
        ["compare", source, database] => compare(Path::new(source), Path::new(database)),
        _ => {
            Err("usage: demo count DATABASE TABLE | demo compare SOURCE_DIRECTORY DATABASE".into())
        }
    }
}

fn compare(source: &Path, database: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let mut files: Vec<_> = fs::read_dir(source)?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::path);
    let mut equal = true;
    writeln!(io::stdout(), "{:<12} {:>8} {:>8}", "table", "source", "copy")?;
    for file in files {
        let path = file.path();
        let table = path.file_stem().and_then(|stem| stem.to_str()).ok_or("a name")?;
        let want = source_rows(&path)?;
        let have = copied_rows(database, table);
        let same = want == have;
        equal &= same;
        let verdict = if same { "equal" } else { "DIFFERENT" };
        writeln!(io::stdout(), "{table:<12} {:>8} {:>8} {verdict}", want.len(), have.len())?;
    }
    let verdict = if equal { "Both sides are equal." } else { "The sides differ." };
    writeln!(io::stdout(), "{verdict}")?;
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the file's lines come to when each is applied in order.
fn source_rows(path: &Path) -> Result<Rows, Box<dyn Error>> {
    let mut rows = Rows::new();
    for mut row in lines(path)? {
        let operation = row.remove("_op");
        let id = row.get("id").and_then(Value::as_i64).ok_or("every line has an id")?;
        if operation == Some("delete".into()) {
            rows.remove(&id);
        } else {
            row.retain(|_, value| !value.is_null());
            rows.insert(id, row);
        }
    }
    Ok(rows)
}

fn lines(path: &Path) -> Result<Vec<Row>, Box<dyn Error>> {
    if path.extension().is_some_and(|extension| extension == "ndjson") {
        let text = fs::read_to_string(path)?;
        return text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect();
    }
    let mut reader = csv::Reader::from_path(path)?;
    let read = |record: csv::Result<BTreeMap<String, String>>| -> Result<Row, Box<dyn Error>> {
        let typed = |(name, text): (String, String)| {
            let value = text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from);
            (name, value)
        };
        Ok(record?.into_iter().map(typed).collect())
    };
    reader.deserialize().map(read).collect()
}

/// The copy's rows, without those that are marked as deleted and without the marks.
fn copied_rows(database: &Path, table: &str) -> Rows {
    let mut rows = Rows::new();
    for mut row in sqlite_query(database, &format!("SELECT * FROM \"{table}\"")) {
        let is_deleted = row.remove("is_deleted").and_then(|mark| mark.as_i64()).unwrap_or(0) != 0;
        row.remove("deleted_at");
        row.retain(|_, value| !value.is_null());
        for value in row.values_mut() {
            // Nested values are kept as JSON text.
            let nested = value.as_str().filter(|text| text.starts_with(['[', '{']));
            if let Some(parsed) = nested.and_then(|text| serde_json::from_str(text).ok()) {
                *value = parsed;
            }
        }
        if let Some(id) = row.get("id").and_then(Value::as_i64)
            && !is_deleted
        {
            rows.insert(id, row);
        }
    }
    rows
}
