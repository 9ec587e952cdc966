//! Looks at collections before anything of them is copied.
//!
//! Of each: about how many documents it has, and documents from both ends of the index on `_id`. Most
//! kinds of `_id` grow, so these are old ones and new ones, and since the index sorts by type first,
//! they show whether all `_id`s are of one. A random sample would need a scan where there is no cheap
//! random cursor.
//!
//! Several commands are under way at once: where a server is far away, or has thousands of collections,
//! nearly all of the time is waiting.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Failure, log};
use futures_util::{StreamExt, future::join3, stream};
use mongodb::bson::doc;
use mongodb::error::Error;
use mongodb::raw_batch_cursor::RawBatch;
use tokio::time::timeout;

use super::{Collection, count};
use crate::server::{Server, failure};

/// How long all collections together may take; a call ends after a minute.
const TIME_MAX: Duration = Duration::from_secs(25);
/// How long one collection may take, so that those begun last are done before the server counts as
/// silent, however slow the way to it is.
const LOOK_TIME_MAX: Duration = Duration::from_secs(10);
/// The server gives up one sample after this.
const SAMPLE_TIME_MS: i64 = 5_000;
/// Collections that are looked at at once. Each holds two answers, which have 16 MB at most.
const AT_ONCE: usize = 3;

/// What was asked of one collection.
struct Look {
    documents: Result<u64, Error>,
    /// From the first `_id` on, and from the last one back.
    ends: [Result<RawBatch, Error>; 2],
}

/// Looks at all collections, whose shapes are empty, as long as there is time.
pub fn look_at_all(
    server: &Server,
    database: &str,
    collections: &mut BTreeMap<String, Collection>,
    sample_size: u32,
) -> Result<(), Failure> {
    let deadline = Instant::now() + TIME_MAX;
    let names: Vec<String> = collections.keys().cloned().collect();
    let looks = stream::iter(&names).map(|name| async move {
        match Instant::now() < deadline {
            true => timeout(LOOK_TIME_MAX, look_at(server, database, name, sample_size)).await.ok(),
            false => None,
        }
    });
    let mut looks = looks.buffered(AT_ONCE);
    server.wait(async {
        for (name, collection) in collections {
            match looks.next().await.flatten() {
                Some(look) => collection.learn(server, name, look)?,
                None => log::warn(
                    "there was no time to look at this collection; its columns come with its rows",
                    &[("table", name)],
                ),
            }
        }
        Ok(())
    })?
}

async fn look_at(server: &Server, database: &str, name: &str, sample_size: u32) -> Look {
    let limit = i64::from(sample_size.div_ceil(2));
    let end = |order: i32| {
        let find = doc! {
            "find": name, "sort": { "_id": order }, "limit": limit, "batchSize": limit,
            "singleBatch": true, "maxTimeMS": SAMPLE_TIME_MS,
        };
        server.single_batch(database, find)
    };
    let count = count(server, database, name);
    let (documents, first, last) = join3(count, end(1), end(-1)).await;
    Look { documents, ends: [first, last] }
}

impl Collection {
    fn learn(&mut self, server: &Server, name: &str, look: Look) -> Result<(), Failure> {
        let Look { documents, ends } = look;
        match documents {
            Ok(documents) => self.documents = Some(documents),
            Err(error) => unknown(server, name, &error)?,
        }
        for end in ends {
            match end {
                // Only a table that is selected has to be in order.
                Ok(batch) => self.refused = self.refused.take().or(self.observe(server, &batch)),
                Err(error) => unknown(server, name, &error)?,
            }
        }
        Ok(())
    }

    /// Takes note of documents; why the collection cannot be followed, if they show that.
    fn observe(&mut self, server: &Server, batch: &RawBatch) -> Option<Failure> {
        let observe = |document| self.shape.observe(document).map(drop);
        let documents = server.documents(batch);
        documents.and_then(|documents| documents.into_iter().try_for_each(observe)).err()
    }
}

/// What is not known now comes with the rows, unless the server is away.
fn unknown(server: &Server, name: &str, error: &Error) -> Result<(), Failure> {
    let failure = server.failure(error);
    if failure::is_passing(error) {
        return Err(failure);
    }
    log::warn(
        "no sample of this collection; its columns come with its rows",
        &[("table", name), ("reason", &failure.message)],
    );
    Ok(())
}
