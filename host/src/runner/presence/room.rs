//! Where runs of one pipeline ask and answer: markers at their destination.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    model::Marker,
    plugin::{DestinationConnection, PluginError, hex},
    runner::state::{deletion, marker},
};

/// The marker of the last question.
const ASKED: &str = "asked";
/// Others write there too, and each write is a claim.
const TRIES_MAX: u32 = 5;
/// Hexadecimal digits that tell pipelines apart.
const DIGITS: usize = 16;

/// The markers of one pipeline, as one of its runs uses them.
pub struct Room {
    /// A schema of the destination that no source has.
    schema: String,
    run: String,
}

/// What a run says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The question that it heard last.
    pub asked: String,
    /// The schemas that it holds.
    pub holds: BTreeSet<String>,
}

impl Room {
    /// As `run` of the pipeline uses it.
    pub fn new(pipeline: &str, run: &str) -> Self {
        let digest = hex(&Sha256::digest(pipeline.as_bytes()));
        let digest = digest.get(..DIGITS).unwrap_or(&digest);
        Self { schema: format!("cartridge_warp_standby_{digest}"), run: run.to_owned() }
    }

    /// Asks every run whether it is alive.
    pub async fn ask(&self, destination: &DestinationConnection) -> Result<(), PluginError> {
        let question = uuid::Uuid::new_v4().simple().to_string();
        self.write(destination, marker(ASKED.into(), &question)).await
    }

    /// The last question, if anybody ever asked.
    pub async fn asked(
        &self,
        destination: &DestinationConnection,
    ) -> Result<Option<String>, PluginError> {
        let value = destination.get_marker(&self.schema, ASKED).await?;
        // What cannot be read is no question.
        Ok(value.and_then(|value| serde_json::from_slice(&value).ok()))
    }

    /// Answers for this run.
    pub async fn answer(
        &self,
        destination: &DestinationConnection,
        answer: &Answer,
    ) -> Result<(), PluginError> {
        self.write(destination, marker(of_run(&self.run), answer)).await
    }

    /// What a run answered last. What cannot be read is no answer.
    pub async fn answer_of(
        &self,
        destination: &DestinationConnection,
        run: &str,
    ) -> Result<Option<Answer>, PluginError> {
        let value = destination.get_marker(&self.schema, &of_run(run)).await?;
        Ok(value.and_then(|value| serde_json::from_slice(&value).ok()))
    }

    /// Removes the answer of a run that is gone, or of this one.
    pub async fn forget(
        &self,
        destination: &DestinationConnection,
        run: &str,
    ) -> Result<(), PluginError> {
        self.write(destination, deletion(of_run(run))).await
    }

    /// Forgets the answer of this run.
    pub async fn leave(&self, destination: &DestinationConnection) -> Result<(), PluginError> {
        self.forget(destination, &self.run).await
    }

    /// Forgets the last question; nothing is written where nobody ever asked.
    pub async fn close(&self, destination: &DestinationConnection) -> Result<(), PluginError> {
        match self.asked(destination).await? {
            Some(_) => self.write(destination, deletion(ASKED.into())).await,
            None => Ok(()),
        }
    }

    async fn write(
        &self,
        destination: &DestinationConnection,
        marker: Marker,
    ) -> Result<(), PluginError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let epoch = destination.claim_schema(&self.schema, &self.run).await?;
            match destination.update_marker(&self.schema, vec![marker.clone()], epoch).await {
                Err(error) if error.is_fenced() && tries < TRIES_MAX => {}
                written => return written,
            }
        }
    }
}

/// The marker of a run's answer; the destination may have made the name up.
fn of_run(run: &str) -> String {
    const BYTES_MAX: usize = 100;
    format!("alive/{}", crate::model::text::one_line(run, BYTES_MAX))
}
