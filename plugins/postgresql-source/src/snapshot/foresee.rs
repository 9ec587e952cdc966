//! What the start of a stream would refuse, found out without changing anything.

use cartridge_warp_sdk::Failure;
use postgresql_client::names::{literal, quoted};

use crate::PostgresqlSource;
use crate::catalog::publication::{self, Wanted};
use crate::catalog::slot;
use crate::session::{Session, flag, text};

/// Looks at publication and slot as [`super::start::position`] would find them.
pub fn start(source: &PostgresqlSource, schema: &str) -> Result<(), Failure> {
    let (session, server, options) = (&source.control, &source.server, &source.options);
    let name = options.publication(schema);
    if let Some(wanted) = publication::wanted(session, server, &name, &source.selected())? {
        if !wanted.is_ours(options.create_publication) {
            return Err(wanted.refused(""));
        }
        let lacking = rights(session, &name, &wanted, &server.user)?;
        if !lacking.is_empty() {
            return Err(wanted.refused(&format!(", and {}", lacking.join(", "))));
        }
    }
    let name = options.slot(&server.database, schema);
    match slot::find(session, server, &name)? {
        Some(slot) if !slot.lost => Ok(()),
        _ if !options.create_slot => Err(slot::missing(&name)),
        Some(_) => Ok(()),
        None => slot::is_room(session, &name),
    }
}

/// What keeps the role from changing the publication so, in words with the SQL that helps.
fn rights(
    session: &Session,
    publication: &str,
    wanted: &Wanted,
    user: &str,
) -> Result<Vec<String>, Failure> {
    let mut lacking = Vec::new();
    let may = if wanted.is_new() {
        "SELECT has_database_privilege(current_database(), 'CREATE'), current_database()".to_owned()
    } else {
        format!(
            "SELECT pg_has_role(pubowner, 'USAGE'), pubname FROM pg_publication WHERE pubname = {}",
            literal(publication)
        )
    };
    for row in session.rows(&may)?.iter().filter(|row| !flag(row, 0).unwrap_or(false)) {
        let name = text(row, 1)?;
        lacking.push(match wanted.is_new() {
            true => format!(
                "role {user} may not make one (GRANT CREATE ON DATABASE {} TO {})",
                quoted(name),
                quoted(user)
            ),
            false => format!("role {user} does not own it"),
        });
    }
    let oids = wanted.tables.iter().map(|table| table.oid.to_string()).collect::<Vec<_>>();
    let rows = session.rows(&format!(
        "SELECT c.oid::regclass FROM pg_class c WHERE c.oid = ANY ('{{{}}}') \
         AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1 LIMIT {TABLES_NAMED_MAX}",
        oids.join(",")
    ))?;
    if !rows.is_empty() {
        let names = rows.iter().map(|row| text(row, 0)).collect::<Result<Vec<_>, _>>()?;
        lacking.push(format!("role {user} does not own {}", names.join(", ")));
    }
    Ok(lacking)
}

/// Tables that are named as another one's.
const TABLES_NAMED_MAX: usize = 20;
