//! What changed between two looks at a table, in words of the host.
//!
//! Columns are told apart by their number in the catalog, which a rename keeps and no new column
//! ever gets again.

use cartridge_warp_sdk::{Column, Failure, SchemaChange, Table};

use crate::catalog::{SourceColumn, SourceTable, WithheldColumn};

/// A column on the way from the old shape to the new one.
struct Step {
    number: i16,
    column: Column,
}

/// The changes that turn `old` into `new`, in an order in which each can be applied.
pub fn changes(old: &SourceTable, new: &SourceTable) -> Result<Vec<SchemaChange>, Failure> {
    if let Some(withheld) = new.withheld.iter().find(|column| find(old, column.number).is_some()) {
        return Err(withdrawn(new, withheld));
    }
    if key_numbers(old) != key_numbers(new) {
        return Err(cannot_follow(new, "its key changed"));
    }
    let mut steps: Vec<Step> = old
        .columns
        .iter()
        .map(|column| Step { number: column.number, column: column.column.clone() })
        .collect();
    let mut changes = Vec::new();
    let key = key_numbers(new);
    let after = |steps: &[Step]| {
        let name = |number: &i16| {
            let step = steps.iter().find(|step| step.number == *number);
            step.map(|step| step.column.name.clone())
        };
        let mut table = Table::new(&new.shape.name).key(key.iter().filter_map(name));
        table.hidden.clone_from(&new.shape.hidden);
        table.columns = steps.iter().map(|step| step.column.clone()).collect();
        table
    };
    drop_columns(new, &mut steps, &mut changes, &after);
    rename_columns(new, &mut steps, &mut changes, &after)?;
    for step in 0..steps.len() {
        let Some(now) = find(new, steps[step].number) else { continue };
        if is_other(&steps[step].column, &now.column) {
            steps[step].column = now.column.clone();
            changes.push(SchemaChange::modify_column(&now.column.name, after(&steps)));
        }
    }
    for column in &new.columns {
        // One that was kept from us until now is described already, and left out by the operator.
        let is_described = old.withheld.iter().any(|known| known.number == column.number);
        if !is_described && steps.iter().all(|step| step.number != column.number) {
            let mut added = column.column.clone();
            // It had values before, which were computed and did not travel.
            added.filled |= old.hidden.iter().any(|hidden| hidden.number == column.number);
            steps.push(Step { number: column.number, column: added });
            changes.push(SchemaChange::add_column(&column.column.name, after(&steps)));
        }
    }
    let mut is_news = changes.is_empty() && old.hidden != new.hidden;
    for step in &mut steps {
        let identity = find(new, step.number).and_then(|now| now.column.identity.clone());
        is_news |= step.column.identity != identity;
        step.column.identity = identity;
    }
    if let (Some(first), true) = (steps.first(), is_news) {
        // Nothing that travels, but to be remembered.
        changes.push(SchemaChange::modify_column(&first.column.name, after(&steps)));
    }
    Ok(changes)
}

/// Whether a column is other than before, or may have other values. A default that comes or goes
/// changes nothing for rows that are there, and a table that was written anew may be what it was.
fn is_other(before: &Column, now: &Column) -> bool {
    let (filled, identity) = (now.filled, now.identity.clone());
    let is_same_beside = Column { filled, identity, ..before.clone() } == *now;
    let touched = |column: &Column| {
        let identity = column.identity.as_ref()?;
        let definition = identity.stored.as_deref()?.split(' ').next()?;
        Some((identity.type_id.clone(), definition.to_owned()))
    };
    !is_same_beside || touched(before) != touched(now)
}

type After<'a> = dyn Fn(&[Step]) -> Table + 'a;

fn drop_columns(
    new: &SourceTable,
    steps: &mut Vec<Step>,
    changes: &mut Vec<SchemaChange>,
    after: &After<'_>,
) {
    while let Some(at) = steps.iter().position(|step| find(new, step.number).is_none()) {
        let dropped = steps.remove(at);
        changes.push(SchemaChange::drop_column(&dropped.column.name, after(steps)));
    }
}

/// A name must be free before another column takes it.
fn rename_columns(
    new: &SourceTable,
    steps: &mut [Step],
    changes: &mut Vec<SchemaChange>,
    after: &After<'_>,
) -> Result<(), Failure> {
    loop {
        let renamed: Vec<(usize, &str)> = steps
            .iter()
            .enumerate()
            .filter_map(|(at, step)| Some((at, find(new, step.number)?.column.name.as_str())))
            .filter(|(at, name)| steps[*at].column.name != *name)
            .collect();
        if renamed.is_empty() {
            return Ok(());
        }
        let free = |name: &str| steps.iter().all(|step| step.column.name != name);
        let Some((at, name)) = renamed.into_iter().find(|(_, name)| free(name)) else {
            return Err(unclear(new));
        };
        let before = std::mem::replace(&mut steps[at].column.name, name.to_owned());
        changes.push(SchemaChange::rename_column(&before, name, after(steps)));
    }
}

fn find(table: &SourceTable, number: i16) -> Option<&SourceColumn> {
    table.columns.iter().find(|column| column.number == number)
}

fn key_numbers(table: &SourceTable) -> Vec<i16> {
    table.key_indices().into_iter().map(|at| table.columns[at].number).collect()
}

/// The host tells columns apart when the source is opened anew, and copies the table again.
fn unclear(table: &SourceTable) -> Failure {
    Failure::reconnect(
        "names-exchanged",
        format!(
            "table {}: columns exchanged their names; the source is opened anew to copy it again",
            table.qualified()
        ),
    )
    .about([&table.shape.name])
}

/// Opened anew, the source describes it as unreadable, and the host refuses the table by its name.
fn withdrawn(table: &SourceTable, column: &WithheldColumn) -> Failure {
    let mended_by = column.column.unreadable.as_deref().unwrap_or_default();
    Failure::reconnect(
        "column-withheld",
        format!(
            "table {}: column {} may not be read any more; {mended_by}",
            table.qualified(),
            column.name
        ),
    )
}

fn cannot_follow(table: &SourceTable, what: &str) -> Failure {
    Failure::resync(
        "shape-changed",
        format!(
            "table {}: {what}, which the destination cannot follow; run again with {} to copy the \
             table anew",
            table.qualified(),
            table.resync_flag()
        ),
    )
    .about([&table.shape.name])
}

#[cfg(test)]
mod tests {
    use cartridge_warp_sdk::ColumnType;

    use super::*;
    use crate::catalog::entries::Entries;
    use crate::value::Codec;

    fn table(columns: &[(i16, &str, ColumnType)], key: &str) -> SourceTable {
        let mut shape = Table::new("t").key([key]);
        let mut kept = Vec::new();
        for (number, name, column_type) in columns {
            let column = Column::new(*name, column_type.clone());
            shape = shape.with(column.clone());
            kept.push(SourceColumn {
                number: *number,
                name: (*name).to_owned(),
                type_oid: 25,
                modifier: -1,
                codec: Codec::Printed,
                formatted: String::new(),
                toastable: false,
                column,
            });
        }
        let schema = "s".to_owned();
        SourceTable {
            oid: 1,
            schema,
            partitioned: false,
            replica_identity: 'd',
            columns: kept,
            is_key_generated: false,
            deferrable_key: None,
            hidden: Vec::new(),
            logs_hidden: false,
            withheld: Vec::new(),
            obstacle: None,
            entries: Entries::default(),
            shape,
        }
    }

    fn words(changes: &[SchemaChange]) -> Vec<String> {
        let word = |change: &SchemaChange| {
            let names = [change.column.as_deref(), change.new_name.as_deref()];
            let names = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
            format!("{} {names}", change.kind.as_str())
        };
        changes.iter().map(word).collect()
    }

    #[test]
    fn columns_are_followed_by_their_numbers() {
        use ColumnType::{BigInt, Integer, String as Text};
        let old = table(&[(1, "id", Integer), (2, "a", Text), (3, "b", Text)], "id");
        type Case<'a> = (&'a str, Vec<(i16, &'a str, ColumnType)>, &'a [&'a str]);
        let cases: [Case<'_>; 6] = [
            ("nothing", vec![(1, "id", Integer), (2, "a", Text), (3, "b", Text)], &[]),
            (
                "a column is added and another widened",
                vec![(1, "id", BigInt), (2, "a", Text), (3, "b", Text), (4, "c", Text)],
                &["modify_column id", "add_column c"],
            ),
            (
                "dropped and added under the same name",
                vec![(1, "id", Integer), (2, "a", Text), (4, "b", Text)],
                &["drop_column b", "add_column b"],
            ),
            (
                "a freed name is taken",
                vec![(1, "id", Integer), (2, "b", Text), (3, "c", Text)],
                &["rename_column b c", "rename_column a b"],
            ),
            (
                "the key is renamed",
                vec![(1, "key", Integer), (2, "a", Text), (3, "b", Text)],
                &["rename_column id key"],
            ),
            (
                "a dropped column's name is taken by a rename",
                vec![(1, "id", Integer), (3, "a", Text)],
                &["drop_column a", "rename_column b a"],
            ),
        ];
        for (name, columns, expected) in cases {
            let new = table(&columns, columns[0].1);
            let changes = changes(&old, &new).unwrap();
            assert_eq!(words(&changes), expected, "{name}");
            if let Some(last) = changes.last() {
                let after = last.after.clone().unwrap();
                assert_eq!(after.key, new.shape.key, "{name}");
                assert_eq!(after.columns, new.shape.columns, "{name}");
            }
        }
    }

    #[test]
    fn what_cannot_be_followed_asks_for_a_new_copy() {
        use ColumnType::Integer;
        let old = table(&[(1, "id", Integer), (2, "a", Integer)], "id");
        for (new, action, code) in [
            (table(&[(1, "id", Integer), (2, "a", Integer)], "a"), "resync", "shape-changed"),
            (table(&[(1, "a", Integer), (2, "id", Integer)], "a"), "reconnect", "names-exchanged"),
            (table(&[(2, "a", Integer)], "a"), "resync", "shape-changed"),
        ] {
            let failure = changes(&old, &new).unwrap_err();
            assert_eq!((failure.action.as_str(), failure.code.as_str()), (action, code));
        }
    }
}
