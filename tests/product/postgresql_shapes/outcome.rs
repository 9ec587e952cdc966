//! What became of a change: from a run's log and from the destination's tables.

use std::collections::{BTreeMap, BTreeSet};

use cartridge_warp_tests::Databases;
use serde_json::Value;

use super::forms::Form;

/// Moves a row to another key and touches another one, whatever the table looks like by now.
pub const ROWS: &str = "DO $do$ DECLARE key text; names text; columns text; BEGIN
    IF to_regclass('$t') IS NULL THEN RETURN; END IF;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum), quote_ident(min(attname)
        FILTER (WHERE attnum = 1)), string_agg(CASE attnum WHEN 1 THEN format('(-%I::int)::%s',
        attname, format_type(atttypid, atttypmod)) ELSE quote_ident(attname) END, ', ' ORDER BY attnum)
        INTO names, key, columns FROM pg_attribute WHERE attrelid = '$t'::regclass AND attnum > 0
        AND NOT attisdropped AND attgenerated = '';
    EXECUTE format('WITH moved AS (DELETE FROM $t WHERE %s::text = ''2'' RETURNING *) INSERT INTO $t
        (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM moved', key, names, columns);
    EXECUTE format('UPDATE $t SET %1$s = %1$s WHERE %1$s::text = ''3''', key);
    -- A published table without a key takes no updates.
    EXCEPTION WHEN object_not_in_prerequisite_state THEN END $do$";

/// Words of an error that ends a schema, and how the document says it.
const ENDS: &[(&str, &str)] = &[
    ("has no key", "stops: it needs a key"),
    ("its key changed", "stops: `--full-resync`"),
    ("the key of table", "stops: `--full-resync`"),
    ("cannot be told", "stops: `--full-resync`"),
];

/// The destination's columns of each table.
pub type Columns = BTreeMap<String, String>;

/// What is known after a run.
pub struct Seen {
    pub log: String,
    pub columns: Columns,
    /// Tables that differ from the source's.
    pub differences: Vec<String>,
}

impl Seen {
    /// What became of each form, in the document's words.
    pub fn outcomes(
        &self,
        before: &Columns,
        forms: &[&'static Form],
    ) -> BTreeMap<&'static str, String> {
        let lines: Vec<Value> =
            self.log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        forms
            .iter()
            .map(|form| (form.name, self.outcome(form, &lines, before).to_owned()))
            .collect()
    }

    fn outcome(&self, form: &Form, log: &[Value], before: &Columns) -> &'static str {
        let table = form.table();
        if let Some(error) = ended(log, &form.schema()) {
            let known = ENDS.iter().find(|(words, _)| error.contains(words));
            assert!(known.is_some(), "{}: {error}", form.name);
            return known.unwrap().1;
        }
        let says_so = |line: &Value| {
            line["message"].as_str().is_some_and(|it| it.ends_with(": copying the table again"))
        };
        let is_copied = log.iter().any(|line| line["table"] == table.as_str() && says_so(line));
        match (is_copied, before.get(&table) == self.columns.get(&table)) {
            (true, _) => "copied again",
            (false, true) => "followed",
            (false, false) => "altered",
        }
    }

    fn differs(&self, form: &Form) -> bool {
        let schema = form.schema();
        self.differences.iter().any(|it| {
            it.starts_with(&format!("{schema}.{}:", form.table()))
                || form.alone && it.starts_with(&format!("{schema}."))
        })
    }

    /// Forms whose tables differ, and no error says so.
    pub fn unequal(&self, forms: &[&'static Form]) -> BTreeSet<&'static str> {
        let lines: Vec<Value> =
            self.log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let silent = |form: &&&Form| self.differs(form) && ended(&lines, &form.schema()).is_none();
        forms.iter().filter(silent).map(|form| form.name).collect()
    }
}

/// The error that ended a schema.
fn ended<'a>(log: &'a [Value], schema: &str) -> Option<&'a str> {
    let line =
        log.iter().find(|line| line["message"] == "schema failed" && line["schema"] == schema);
    line.and_then(|line| line["error"].as_str())
}

pub fn columns(databases: &Databases) -> Columns {
    let sql = "SELECT c.relname, string_agg(quote_ident(attname) || ' ' || format_type(atttypid, \
               atttypmod), ', ' ORDER BY attnum) FROM pg_attribute JOIN pg_class c ON c.oid = \
               attrelid WHERE c.relname ~ '^t_' AND c.relkind = 'r' AND attnum > 0 \
               AND NOT attisdropped GROUP BY 1";
    let split = |line: String| line.split_once('|').map(|(a, b)| (a.to_owned(), b.to_owned()));
    databases.at_destination(sql).into_iter().filter_map(split).collect()
}
