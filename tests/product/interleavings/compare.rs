//! Whether both sides have the same rows, whatever types the destination's columns have come to: a column that
//! became text holds its older values as text.

use std::collections::BTreeMap;

use cartridge_warp_tests::Databases;

/// The tables whose rows differ, or that are on one side only.
pub fn differences(databases: &Databases) -> Vec<String> {
    let columns = "SELECT table_name, string_agg(quote_literal(column_name), ',') FROM \
                   information_schema.columns WHERE table_schema = 'public' \
                   AND NOT (SELECT relispartition FROM pg_class WHERE oid = table_name::regclass) \
                   GROUP BY 1";
    let tables = pairs(databases.at_source(columns));
    let sums = tables.iter().map(|(table, columns)| sum(table, columns)).collect::<Vec<_>>();
    let (here, there) = (
        pairs(databases.at_source(&sums.join(" UNION ALL "))),
        sums.iter().flat_map(|sum| databases.try_at_destination(sum)).flatten().collect(),
    );
    let there = pairs(there);
    here.keys().filter(|table| here.get(*table) != there.get(*table)).cloned().collect()
}

/// SQL for a table's name and what tells its rows from others.
fn sum(table: &str, columns: &str) -> String {
    let value = r"regexp_replace(regexp_replace(value, '[\sT]', '', 'g'), '(\+00:00|\+00|Z)$', '')";
    format!(
        "SELECT '{table}', count(*) || ' ' || md5(coalesce(string_agg(r, E'\\n' ORDER BY r), '')) FROM \
         (SELECT (SELECT string_agg(key || '=' || coalesce({value}, 'NULL'), ',' ORDER BY key) \
         FROM jsonb_each_text(to_jsonb(t)) WHERE key IN ({columns})) AS r FROM {table} t) rows"
    )
}

fn pairs(lines: Vec<String>) -> BTreeMap<String, String> {
    let pair = |line: String| line.split_once('|').map(|(a, b)| (a.to_owned(), b.to_owned()));
    lines.into_iter().filter_map(pair).collect()
}
