//! Whether tables can be followed, with what helps where they cannot.

use std::rc::Rc;

use cartridge_warp_sdk::Failure;
use postgresql_client::names::quoted;

use crate::catalog::server::Server;
use crate::catalog::{DeferrableKey, SourceTable, rights};
use crate::session::Session;

/// Things that one failure names.
const NAMED_MAX: usize = 10;

/// Looks at all tables before any work: what would fail in the middle of it is refused.
pub fn check(
    session: &Session,
    server: &Server,
    tables: &[Rc<SourceTable>],
) -> Result<(), Failure> {
    let mut wrong: Vec<Failure> =
        tables.iter().filter_map(|table| check_table(table).err()).collect();
    wrong.extend(rights::lacking(session, server, tables)?);
    all(wrong)
}

/// One failure for all.
fn all(wrong: Vec<Failure>) -> Result<(), Failure> {
    let count = wrong.len();
    let mut wrong = wrong.into_iter();
    let Some(first) = wrong.next() else { return Ok(()) };
    if count == 1 {
        return Err(first);
    }
    let more = match count.checked_sub(NAMED_MAX) {
        None | Some(0) => String::new(),
        Some(more) => format!("; and {more} more, which `cartridge-warp check` lists"),
    };
    let messages = wrong.take(NAMED_MAX - 1).map(|failure| format!("; {}", failure.message));
    let message = format!("{}{}{more}", first.message, messages.collect::<String>());
    Err(Failure { message, ..first })
}

/// Refuses a table whose rows cannot be followed.
pub fn check_table(table: &SourceTable) -> Result<(), Failure> {
    let name = table.qualified();
    let config = |code: &str, message: String| Err(Failure::config(code, message));
    if table.columns.is_empty() && table.withheld.is_empty() {
        return config(
            "no-columns",
            format!("table {name} has no columns that could be copied; leave it out"),
        );
    }
    if table.shape.key.is_empty() && table.is_key_generated {
        return config(
            "generated-key",
            format!(
                "the key of table {name} has a generated column, whose values the log does not have; \
                 run {}, without generated columns, or leave it out",
                key_sql(&name)
            ),
        );
    }
    if let Some(obstacle) = &table.obstacle {
        return config(
            "obstacle",
            format!("table {name} cannot be followed: {obstacle}, or leave it out"),
        );
    }
    let deferrable = table.deferrable_key.as_ref().filter(|_| table.shape.key.is_empty());
    if let Some(DeferrableKey { name: key, columns }) = deferrable {
        let key = quoted(key);
        return config(
            "deferrable-key",
            format!(
                "the primary key of table {name} is deferrable, so two rows may have it for a while and \
                 the log does not tell rows apart by it; run ALTER TABLE {name} DROP CONSTRAINT {key}, ADD \
                 CONSTRAINT {key} PRIMARY KEY ({columns}), or ALTER TABLE {name} REPLICA IDENTITY USING \
                 INDEX … with another unique index over columns that are not null, or leave it out"
            ),
        );
    }
    if table.shape.key.is_empty() {
        return config(
            "no-key",
            format!(
                "table {name} has no key by which its rows could be updated and deleted; run {}, \
                 or leave it out",
                key_sql(&name)
            ),
        );
    }
    Ok(())
}

fn key_sql(table: &str) -> String {
    format!(
        "ALTER TABLE {table} ADD PRIMARY KEY (…), or ALTER TABLE {table} REPLICA IDENTITY USING \
         INDEX … with a unique index over columns that are not null"
    )
}
