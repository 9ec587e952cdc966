//! Connections beside the schema's own, for as long as there is something to make.

use std::time::{Duration, Instant};

use crate::{
    model::{Extra, ExtraOutcome, TableExtras},
    plugin::{DestinationConnection, ExtraRequest, SourceConnection},
    runner::{
        commit::Writer, error::RunError, extras::Stored, reading::Asked, state::extras_stream,
        state::read,
    },
};

/// How long one thing may take.
const BUILD_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Both sides. Each is opened when it is needed first.
#[derive(Default)]
pub struct Sides {
    source: Option<SourceConnection>,
    destination: Option<DestinationConnection>,
}

impl Sides {
    /// What became of a table's extras so far.
    pub async fn stored(
        &mut self,
        writer: &Writer,
        table: &str,
    ) -> Result<Option<Stored>, RunError> {
        let schema = writer.context.name();
        read(self.destination(writer).await?, schema, &extras_stream(table)).await
    }

    /// What the source says that a table has.
    pub async fn told(&mut self, writer: &Writer, table: &str) -> Result<TableExtras, RunError> {
        let context = &writer.context;
        let source = match self.source.take() {
            Some(source) => source,
            None => {
                let source = context.open_source().await?;
                let tables: Vec<String> = writer.tables.lock().await.keys().cloned().collect();
                source.select_tables(context.name(), &tables).await?;
                source
            }
        };
        let told = source.extras(context.name(), table).await;
        self.source = Some(source);
        Ok(told?)
    }

    /// Makes one thing, however long it takes.
    pub async fn make(
        &mut self,
        writer: &Writer,
        table: &str,
        extra: &Extra,
    ) -> Result<ExtraOutcome, RunError> {
        let request = ExtraRequest {
            schema_name: writer.context.name().to_owned(),
            table: table.to_owned(),
            extra: extra.clone(),
            epoch: writer.epoch,
        };
        let (begun, destination) = (Instant::now(), self.destination(writer).await?);
        loop {
            let asked = Asked::now();
            match destination.make_extra(request.clone()).await? {
                ExtraOutcome::UnderWay if begun.elapsed() < BUILD_MAX => asked.pause().await,
                ExtraOutcome::UnderWay => {
                    let why = format!("the destination did not end it in {BUILD_MAX:?}");
                    return Ok(ExtraOutcome::Refused(why));
                }
                outcome => return Ok(outcome),
            }
        }
    }

    /// Disconnects from both.
    pub async fn close(self) {
        if let Some(source) = self.source {
            source.close().await;
        }
        if let Some(destination) = self.destination {
            destination.close().await;
        }
    }

    async fn destination(&mut self, writer: &Writer) -> Result<&DestinationConnection, RunError> {
        match &mut self.destination {
            Some(destination) => Ok(destination),
            none => Ok(none.insert(writer.context.open_destination().await?)),
        }
    }
}
