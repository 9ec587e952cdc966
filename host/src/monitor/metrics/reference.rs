//! The table of `docs/metrics.md` is written from what is registered, so that it has every family as it is.

use std::fmt::Write;

use prometheus::{
    Registry,
    core::{Collector, Desc},
};

use super::{
    build_info,
    families::{PluginFamilies, SourceFamilies, StreamFamilies, VerifyFamilies},
    resources::Resources,
};
use crate::{
    model::written::assert_written,
    plugin::{Bounds, Ledger},
};

/// What stands before the table is written by hand.
const MARK: &str = "<!-- families, by `make docs` -->\n";

/// The lines of the table.
#[derive(Default)]
struct Table(String);

impl Table {
    fn family(&mut self, kind: &str, family: &impl Collector) {
        for desc in family.desc() {
            self.line(kind, desc);
        }
    }

    fn line(&mut self, kind: &str, desc: &Desc) {
        let labels: Vec<_> = desc.variable_labels.iter().map(|l| format!("`{l}`")).collect();
        let (name, help) = (&desc.fq_name, &desc.help);
        writeln!(self.0, "| `{name}` | {kind} | {} | {help} |", labels.join(", ")).unwrap();
    }
}

/// Each family is named here, so that one that is new does not compile without its line.
fn streams(table: &mut Table, families: &StreamFamilies) {
    let StreamFamilies {
        records,
        errors,
        schema_changes,
        resyncs,
        rate,
        lag,
        status,
        last_success,
        queue,
        parked,
        dead_letters,
        dead_letters_open,
        snapshot_rows,
        snapshot_rows_estimated,
        batch_seconds,
        source: SourceFamilies { up, log_bytes, log_seconds, left_bytes, left_seconds },
        verify: VerifyFamilies { drifted, undecided, rows: compared, completed, failures },
    } = families;
    for counter in [records, errors, schema_changes, resyncs, dead_letters, compared, failures] {
        table.family("counter", counter);
    }
    for gauge in
        [rate, lag, last_success, completed, log_bytes, log_seconds, left_bytes, left_seconds]
    {
        table.family("gauge", gauge);
    }
    for gauge in [status, queue, parked, drifted, undecided] {
        table.family("gauge", gauge);
    }
    for gauge in [dead_letters_open, snapshot_rows, snapshot_rows_estimated] {
        table.family("gauge", gauge);
    }
    table.family("gauge", up);
    table.family("histogram", batch_seconds);
}

fn plugins(table: &mut Table, families: &PluginFamilies) {
    let PluginFamilies {
        memory,
        cpu,
        calls,
        traps,
        restarts,
        network,
        custom_total,
        custom,
        log_suppressed,
    } = families;
    for counter in [traps, restarts, network, custom_total, log_suppressed] {
        table.family("counter", counter);
    }
    table.family("counter", cpu);
    table.family("gauge", memory);
    table.family("gauge", custom);
    table.family("histogram", calls);
}

fn families() -> String {
    let registry = Registry::new();
    let mut table = Table::default();
    streams(&mut table, &StreamFamilies::register(&registry).unwrap());
    plugins(&mut table, &PluginFamilies::register(&registry).unwrap());
    table.family("gauge", &Resources::new(Ledger::new(Bounds::UNBOUNDED)).unwrap());
    table.family("gauge", &build_info().unwrap());
    let mut lines: Vec<_> = table.0.lines().collect();
    lines.sort_unstable();
    let head = "\n| metric | type | labels | |\n|---|---|---|---|\n";
    format!("{head}{}\n", lines.join("\n"))
}

#[test]
fn the_page_has_each_family_as_it_is() {
    assert_written("metrics.md", MARK, &families());
}
