//! Everything that a run would refuse, without writing anything: by the functions that a run uses.

use std::collections::BTreeMap;

use super::status::{is_held, left_out, tell_gone};
use crate::{
    config::{OnLostPosition, Resync},
    model::{Action, Position},
    monitor::TableStatus,
    plugin::{DestinationConnection, SourceConnection},
    runner::{
        attempt::{
            Selection, check_copied, check_layout, check_owner, foresee_missed, select_tables,
            selected_before,
        },
        context::SchemaContext,
        error::RunError,
        findings::Findings,
        shapes::foresee_shape,
        side::check_apart,
        state::CHANGES,
    },
};

/// A position that moved so often while it was looked at belongs to a run that goes well.
const LOOKS_MAX: u32 = 10;

/// What a look at both sides of a schema came to.
#[derive(Debug, Default)]
pub struct Checked {
    /// How many tables would be copied, without those that something is wrong with at the source.
    pub tables: usize,
    /// Tables that a run passes over because they are parked or paused.
    pub left_out: BTreeMap<String, TableStatus>,
    /// Whether a run holds the schema, or one ended without giving it back.
    pub is_held: bool,
    /// What is wrong; nothing where a run can begin.
    pub found: Vec<RunError>,
}

/// Looks at both sides, or at the one that answers.
pub async fn check(context: &SchemaContext) -> Checked {
    let (mut findings, mut checked) = (Findings::all(), Checked::default());
    let source = findings.note(open_source(context).await);
    let destination = findings.note(open_destination(context).await);
    let ended = match &source {
        Some(source) => {
            look(context, source, destination.as_ref(), &mut findings, &mut checked).await
        }
        None => Ok(()),
    };
    if let Some(source) = source {
        source.close().await;
    }
    if let Some(destination) = destination {
        destination.close().await;
    }
    Checked { found: findings.ended(ended), ..checked }
}

async fn open_source(context: &SchemaContext) -> Result<SourceConnection, RunError> {
    let source = context.open_source().await?;
    source.test_connection().await?;
    Ok(source)
}

async fn open_destination(context: &SchemaContext) -> Result<DestinationConnection, RunError> {
    let destination = context.open_destination().await?;
    destination.test_connection().await?;
    Ok(destination)
}

async fn look(
    context: &SchemaContext,
    source: &SourceConnection,
    destination: Option<&DestinationConnection>,
    findings: &mut Findings,
    checked: &mut Checked,
) -> Result<(), RunError> {
    if let Some(destination) = destination {
        let to = context.destination_schema();
        findings.take(check_apart(source, destination, context.name(), to).await)?;
        check_layout(context, destination).await?;
        if findings.take(check_owner(context, destination).await)?.is_some() {
            checked.left_out = left_out(context, destination).await?;
            checked.is_held = is_held(context, destination).await?;
        }
    }
    let Selection { tables, refused, listed, .. } =
        select_tables(context, source, destination, None, findings).await?;
    tell_gone(context, &mut checked.left_out, &listed);
    checked.tables = tables.len();
    let resync = context.resync();
    findings.take(check_copied(context, resync.named(), &tables, "full_resync"))?;
    // They know by now which schema and tables it is about.
    findings.take(source.test_connection().await.map_err(RunError::from))?;
    let Some(destination) = destination else { return Ok(()) };
    findings.take(destination.test_connection().await.map_err(RunError::from))?;
    let (mut followed, before) = (Vec::new(), selected_before(context, destination).await?);
    for table in tables.into_values().filter(|table| !resync.includes(&table.source.name)) {
        let name = table.source.name.clone();
        findings.take(foresee_missed(context, destination, &before, &name).await)?;
        if findings.take(foresee_shape(context, destination, table).await)? == Some(true) {
            followed.push(name);
        }
    }
    followed.retain(|name| !refused.contains(name));
    let lost = lost_position(context, source, destination, &followed).await;
    findings.note(lost);
    Ok(())
}

/// What keeps the stream of tables that are copied from going on where it stands. A run beside this one
/// may move on meanwhile, and the source then forgets what lies behind it.
async fn lost_position(
    context: &SchemaContext,
    source: &SourceConnection,
    destination: &DestinationConnection,
    tables: &[String],
) -> Result<(), RunError> {
    let schema = context.name();
    let mut position = destination.get_marker(schema, CHANGES).await?;
    if tables.is_empty() || context.resync() == Resync::All {
        return Ok(());
    }
    source.select_tables(schema, tables).await?;
    for _ in 0..LOOKS_MAX {
        let Some(after) = position.clone().map(Position) else { break };
        let Err(error) = source.check_position(schema, &after).await else { break };
        let now = destination.get_marker(schema, CHANGES).await?;
        if now == position {
            let is_mended = error.action() == Action::Resync
                && context.schema.on_lost_position == OnLostPosition::Resync;
            return if is_mended { Ok(()) } else { Err(error.into()) };
        }
        position = now;
    }
    Ok(())
}
