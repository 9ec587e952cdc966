//! What is on the screen.

use crate::{
    cli::args::TopSort,
    control::{NamedTable, Overview, SchemaOverview, TablePage, TableView, Totals},
};

/// A look at the run.
pub type Shown = (Overview, TablePage);

/// What the person has chosen.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub sort: TopSort,
    /// Tables before the first that is shown.
    pub offset: usize,
}

/// Schemas and remarks that are shown above the tables.
const NEEDY_MAX: usize = 6;
/// Columns of all but a table's name and note.
const STATE: usize = 10;
const NUMBER: usize = 12;
/// Columns that a table's name has at least and at most.
const NAME_MIN: usize = 16;
const NAME_MAX: usize = 48;

/// The lines, no more and no longer than there is room for.
pub fn frame(
    seen: &Result<Shown, String>,
    view: &View,
    (width, height): (usize, usize),
) -> Vec<String> {
    let mut lines = match seen {
        Ok((overview, tables)) => shown(overview, tables, view, (width, height)),
        Err(error) => vec![error.clone(), "it is asked again; q quits".to_owned()],
    };
    lines.truncate(height);
    // What stands in a message may have lines of its own.
    let cut = |line: &String| line.replace(['\n', '\r', '\t'], " ").chars().take(width).collect();
    lines.iter().map(cut).collect()
}

fn shown(
    overview: &Overview,
    tables: &TablePage,
    view: &View,
    (width, height): (usize, usize),
) -> Vec<String> {
    let Overview { pipeline, process, version, since, total, .. } = overview;
    let mut lines =
        vec![format!("{pipeline}: process {process}, version {version}, since {since}")];
    lines.push(verdict(total));
    lines.push(format!(
        "{:.1} s behind, {:.0} rows/s, {} rows since the start; tables: {}",
        total.lag_seconds,
        total.rows_per_second,
        total.rows,
        counts(&total.tables)
    ));
    lines.extend(overview.schemas.iter().flat_map(needs).take(NEEDY_MAX));
    lines.push(String::new());
    let longest = tables.tables.iter().map(|it| name(it).chars().count()).max();
    let names = longest.unwrap_or_default().clamp(NAME_MIN, NAME_MAX.min(width / 3).max(NAME_MIN));
    lines.push(format!(
        "{:names$} {:STATE$} {:>NUMBER$} {:>NUMBER$} {:>NUMBER$} {:>NUMBER$}  NOTE",
        "TABLE", "STATE", "BEHIND", "ROWS", "ROWS/S", "LETTERS"
    ));
    let room = height.saturating_sub(lines.len() + 1);
    lines.extend(tables.tables.iter().take(room).map(|it| row(it, names)));
    let last = view.offset + tables.tables.len().min(room);
    let first = (view.offset + 1).min(last);
    lines.push(format!(
        "{first} to {last} of {} tables by {}; q quits, s sorts otherwise, arrows and space turn",
        tables.found,
        view.sort.word().replace('_', " ")
    ));
    lines
}

/// Whether it is well, as the page has it.
fn verdict(total: &Totals) -> String {
    let of = |map: &std::collections::BTreeMap<String, u64>, key: &str| {
        map.get(key).copied().unwrap_or_default()
    };
    let parked = of(&total.tables, "parked").saturating_sub(total.approvals);
    let found = [
        (of(&total.schemas, "failed"), "schemas failed"),
        (of(&total.schemas, "retrying"), "schemas try again after an error"),
        (parked, "tables are parked"),
        (total.drifted, "tables are not as their source"),
        (total.approvals, "tables wait for approval"),
        (total.dead_letters, "dead letters"),
        (of(&total.tables, "paused"), "tables are paused"),
    ];
    let found = found.iter().filter(|(count, _)| *count > 0);
    let found: Vec<String> = found.map(|(count, what)| format!("{count} {what}")).collect();
    match found.is_empty() {
        true => "All is well".to_owned(),
        false => format!("! {}", found.join("; ")),
    }
}

fn counts(of: &std::collections::BTreeMap<String, u64>) -> String {
    let counts: Vec<String> = of.iter().map(|(state, count)| format!("{count} {state}")).collect();
    if counts.is_empty() { "none yet".to_owned() } else { counts.join(", ") }
}

/// What is to be said of a schema that needs a person.
fn needs(schema: &SchemaOverview) -> Vec<String> {
    let said = |words: String| format!("  {}: {words}", schema.schema);
    let mut lines = Vec::new();
    lines.extend(schema.error.as_ref().map(|error| said(format!("{}: {error}", schema.state))));
    lines.extend(schema.source_log_warning.iter().map(|words| said(words.clone())));
    let error = schema.verify.as_ref().and_then(|proof| proof.error.as_ref());
    lines.extend(error.map(|error| said(format!("verify failed: {error}"))));
    lines
}

fn name(it: &NamedTable) -> String {
    format!("{}.{}", it.schema, it.table)
}

fn row(it: &NamedTable, names: usize) -> String {
    let TableView { state, lag_seconds, rows, rows_per_second, dead_letters, .. } = &it.view;
    let name: String = name(it).chars().take(names).collect();
    let lag = format!("{lag_seconds:.1} s");
    format!(
        "{name:names$} {state:STATE$} {lag:>NUMBER$} {rows:>NUMBER$} {rows_per_second:>NUMBER$.0} \
         {dead_letters:>NUMBER$}  {}",
        note(&it.view)
    )
    .trim_end()
    .to_owned()
}

/// What is wrong with a table, else how far its copy is.
fn note(view: &TableView) -> String {
    if let Some(message) = &view.message {
        let code = view.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
        return format!("{code}{message}");
    }
    if let Some(found) = view.verify.as_ref().filter(|found| found.drifted > 0) {
        return format!("not the source's: {}", found.message);
    }
    let Some(copied) = view.copied_rows else { return String::new() };
    let of = view.estimated_rows.map(|rows| format!(" of about {rows}")).unwrap_or_default();
    let left = view.copy_seconds_left.map(|left| format!(", {left:.0} s left")).unwrap_or_default();
    format!("{copied}{of} rows copied{left}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn seen(tables: usize) -> Shown {
        let table = |number: usize| NamedTable {
            schema: "shop".to_owned(),
            table: format!("orders{number}"),
            view: TableView {
                state: "parked".to_owned(),
                lag_seconds: 61.25,
                rows: 7,
                code: Some("column-type".to_owned()),
                message: Some("it is\nwide".to_owned()),
                ..TableView::default()
            },
        };
        let page = TablePage { found: 500, all: 500, tables: (0..tables).map(table).collect() };
        let total = Totals {
            tables: BTreeMap::from([("parked".to_owned(), 500)]),
            drifted: 2,
            ..Totals::default()
        };
        (Overview { pipeline: "shop".to_owned(), total, ..Overview::default() }, page)
    }

    #[test]
    fn a_frame_fits_whatever_there_is_to_show() {
        let view = View { sort: TopSort::Lag, offset: 40 };
        for (width, height) in [(120, 24), (40, 10), (1, 1), (10_000, 3), (80, 400)] {
            let lines = frame(&Ok(seen(200)), &view, (width, height));
            assert!(lines.len() <= height, "{} of {height}", lines.len());
            assert!(lines.iter().all(|line| line.chars().count() <= width && !line.contains('\n')));
        }
        let lines = frame(&Ok(seen(200)), &view, (120, 24));
        assert_eq!(lines[1], "! 500 tables are parked; 2 tables are not as their source");
        assert!(
            lines[5].starts_with("shop.orders0     parked           61.2 s            7"),
            "{}",
            lines[5]
        );
        assert!(lines[5].ends_with("column-type: it is wide"), "{}", lines[5]);
        assert!(lines[23].starts_with("41 to 58 of 500 tables by lag; q quits"), "{}", lines[23]);
        let gone = frame(&Err("nobody answers".to_owned()), &view, (80, 24));
        assert_eq!(gone[0], "nobody answers");
    }
}
