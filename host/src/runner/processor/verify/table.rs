//! One table: its three passes.

use std::time::Instant;

use super::{
    asked::Asked,
    letters::Letters,
    look::Look,
    passes::{NO_KEY, Suspected},
    report::{Came, Compared},
    scan::{End, SHAPE_CHANGED},
    settle::{KEYS_MAX, Opens, Settling},
    sides::Sides,
    view::View,
};
use crate::{
    model::TableShape,
    runner::{
        advice::argument,
        processor::standing::state_in_the_way,
        shapes::{Waiting, accepted, waiting},
        state::uncopied_stream,
        table::Table,
    },
};

impl Sides<'_> {
    /// Compares a table as the source describes it now. Looks at rows that differ until the time that is given once
    /// all are read.
    pub async fn compare(
        &self,
        described: TableShape,
        followed: &[String],
        asked: Asked<'_>,
    ) -> Result<Compared, End> {
        let begun = Instant::now();
        let mut table = self.table(&described).await?;
        let (plan, left_out) = table.compared(&described);
        let mut view = View::new(plan, secret());
        let mut report = Compared::default();
        report.left_out.extend(left_out.into_iter().map(|(name, why)| (name, why.to_owned())));
        self.leave_out_unread(&mut view, &mut report).await?;
        let (buckets, beside) = self.sum(&mut table, &view, &described, &mut report).await?;
        report.deleted = beside.deleted;
        let differing = buckets.differing(report.source_rows.max(report.destination_rows));
        drop(buckets);
        report.seconds = begun.elapsed().as_secs_f64();
        report.groups_not_looked_into = differing.all - differing.chosen;
        let apart = beside.refused + beside.unreadable;
        let Suspected { opens, keyless } = match differing.chosen == 0 && apart == 0 {
            true => Suspected::default(),
            false => self.collect(&mut table, &view, &differing, &mut report).await?,
        };
        let letters = Letters::of(self.context, self.destination, (&table, &view)).await?;
        // Which of these letters is which row's nobody knows, but they are as many.
        let lettered = keyless.min(letters.without_key);
        (0..lettered).for_each(|_| report.came(true, Came::DeadLetter));
        report.unknown(keyless - lettered, NO_KEY);
        let settling = Settling {
            followed,
            letters: &letters,
            until: Instant::now() + asked.wait,
            shows_values: asked.shows_values,
        };
        let (source, destination) = (self.source, self.destination);
        let (view, table, described) = (&view, &mut table, &described);
        let mut look = Look { context: self.context, source, destination, view, table, described };
        let mut opens = opens.into_iter().peekable();
        while opens.peek().is_some() {
            let some: Opens = opens.by_ref().take(KEYS_MAX).collect();
            settling.settle(&mut look, some, &mut report).await?;
        }
        Ok(report)
    }

    /// The table in the shape that the destination has.
    async fn table(&self, described: &TableShape) -> Result<Table, End> {
        let (context, destination) = (self.context, self.destination);
        // Tables before it may have taken hours.
        if let Some(why) = state_in_the_way(context, destination, &described.name).await? {
            return Err(End::NotCompared(why));
        }
        let waits = waiting(context, destination, described.clone()).await?;
        let changes = waits.map(|(changes, _)| changes).unwrap_or_default();
        let is_rejected =
            |change: &Waiting| change.decision.as_ref().is_some_and(|decision| !decision.approved);
        if !changes.iter().all(is_rejected) {
            return Err(End::NotCompared(SHAPE_CHANGED.into()));
        }
        let (schema, name) = (context.name(), described.name.as_str());
        if destination.get_marker(schema, &uncopied_stream(name)).await?.is_some() {
            return Err(End::NotCompared(format!(
                "it is followed without a copy of what it had: `cartridge-warp resync {}` copies it",
                argument(schema, name)
            )));
        }
        let table = accepted(context, destination, described.clone()).await?;
        table.ok_or_else(|| End::NotCompared("it was never copied: a run does".into()))
    }
}

/// A new one for each comparison.
fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    let (one, other) = secret.split_at_mut(16);
    one.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    other.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    secret
}
