//! Rows that come and go with partitions: the table is copied again, or it is said.
//!
//! A partition whose rows are gone may have been emptied with its whole table, which the log tells where it
//! has it. So that is judged only once the log was read up to the place where it ended then.

use std::collections::BTreeMap;

use cartridge_warp_sdk::{Failure, SchemaChange, log};

use crate::PostgresqlSource;
use crate::catalog::partitions::{self, Event, Finding};
use crate::catalog::{SourceTable, server};
use crate::options::PartitionChanges;
use crate::pgoutput::Lsn;
use crate::position::Position;

/// What was found and is not clear yet.
#[derive(Default)]
pub struct LeafWatch {
    /// By table the partition, its file, and where the log tells more.
    suspected: BTreeMap<u32, (u32, u32, Lsn)>,
}

impl LeafWatch {
    /// Whether a look tells more than the last, before it is time for one.
    pub fn is_due(&self, position: &Position) -> bool {
        let is_read = |(_, _, until): &(u32, u32, Lsn)| position.complete >= *until;
        position.leaves.has_met_some() || self.suspected.values().any(is_read)
    }

    /// Whether the log's end does not mean yet that everything has come.
    pub fn waits(&self, position: &Position) -> bool {
        position.leaves.has_met_some() || !self.suspected.is_empty()
    }

    /// Looks, and remembers with the position what is there now.
    pub fn look(
        &mut self,
        source: &PostgresqlSource,
        position: &mut Position,
    ) -> Result<Vec<SchemaChange>, Failure> {
        let tables = source.selected();
        let (session, version) = (&source.control, source.server.version);
        let (mut now, findings) = partitions::look(session, version, &tables, &position.leaves)?;
        let mut changes = Vec::new();
        let mut suspected = BTreeMap::new();
        for finding in findings {
            let Some(table) = tables.iter().find(|table| table.oid == finding.root) else {
                continue;
            };
            if let Some(until) = self.unclear(source, position.complete, &finding)? {
                suspected.insert(finding.root, (finding.leaf, finding.file, until));
                // Found again by whoever goes on from here.
                if let Some(before) = position.leaves.0.get(&finding.root) {
                    now.0.insert(finding.root, before.clone());
                }
                continue;
            }
            say(source, table, &finding)?;
            let is_copied = source.options.partition_changes == PartitionChanges::Copy;
            changes.extend(is_copied.then(|| rewritten(table, position.complete)).flatten());
        }
        self.suspected = suspected;
        if *position.leaves != now {
            position.leaves = now.into();
        }
        Ok(changes)
    }

    /// Up to where the log has to be read for a finding to be clear; none where it is.
    fn unclear(
        &self,
        source: &PostgresqlSource,
        complete: Lsn,
        finding: &Finding,
    ) -> Result<Option<Lsn>, Failure> {
        if finding.event != Event::Emptied {
            return Ok(None);
        }
        let until = match self.suspected.get(&finding.root) {
            Some((leaf, file, until)) if (*leaf, *file) == (finding.leaf, finding.file) => *until,
            _ => server::log_end(&source.control)?.inserted,
        };
        Ok(Some(until).filter(|until| complete < *until))
    }
}

/// Tells the host that rows have other values, of which no change tells.
fn rewritten(table: &SourceTable, at: Lsn) -> Option<SchemaChange> {
    let mut after = table.shape.clone();
    let column = after.columns.first_mut()?;
    let stored = column.identity.as_mut()?.stored.as_mut()?;
    // Both words are others than ever before.
    *stored = stored.split(' ').map(|word| format!("{word}~{at:x}")).collect::<Vec<_>>().join(" ");
    let name = column.name.clone();
    Some(SchemaChange::modify_column(&name, after))
}

fn say(source: &PostgresqlSource, table: &SourceTable, finding: &Finding) -> Result<(), Failure> {
    let leaf = finding.leaf;
    let name = source.control.value(&format!(
        "SELECT coalesce((SELECT oid::regclass::text FROM pg_class WHERE oid = {leaf}), \
             'number {leaf}')"
    ))?;
    let what = match finding.event {
        Event::Came => "a partition was attached that may have had rows",
        Event::Went => "a partition was detached or dropped",
        Event::Returned => "a partition was detached for a while, or attached anew",
        Event::Emptied => "a partition was emptied",
    };
    let follows = match source.options.partition_changes {
        PartitionChanges::Copy => "the table is copied again",
        PartitionChanges::Warn => "the destination may differ until the table is copied again",
    };
    let words = format!("{what}, of which the log does not tell: {follows}");
    let (table, flag) = (table.qualified(), table.resync_flag());
    log::warn(&words, &[("table", &table), ("partition", &name), ("copies_it_again", &flag)]);
    Ok(())
}
