//! What the driver reads without us: natively, in one thread, for nobody.

use futures_util::TryStreamExt;
use mongodb::Client;
use mongodb::bson::{Timestamp, doc, raw::RawDocumentBuf};
use mongodb::options::FullDocumentType;

/// Documents of an answer, as many as the pipeline asks for.
const BATCH: u32 = 10_000;

/// What is read.
pub enum Drain {
    /// All documents of a collection.
    Find,
    /// This many changes since this time, with the documents after them.
    Watch { changes: u64, since: Timestamp },
}

impl Drain {
    /// As arguments of a process of its own.
    pub fn arguments(&self) -> Vec<String> {
        match self {
            Self::Find => vec!["find".to_owned()],
            Self::Watch { changes, since } => {
                let numbers = [*changes, since.time.into(), since.increment.into()];
                [vec!["watch".to_owned()], numbers.iter().map(u64::to_string).collect()].concat()
            }
        }
    }

    /// What [`Drain::arguments`] made.
    pub fn parse(arguments: &[String]) -> Option<Self> {
        match arguments {
            [word] if word == "find" => Some(Self::Find),
            [word, changes, time, increment] if word == "watch" => {
                let since =
                    Timestamp { time: time.parse().ok()?, increment: increment.parse().ok()? };
                Some(Self::Watch { changes: changes.parse().ok()?, since })
            }
            _ => None,
        }
    }

    /// Reads to the end.
    ///
    /// # Panics
    /// When it cannot: a number of a failed run would be a lie.
    pub fn run(&self, url: &str, database: &str, collection: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let client = Client::with_uri_str(url).await.expect("it connects");
            let database = client.database(database);
            match self {
                Self::Find => {
                    let documents = database.collection::<RawDocumentBuf>(collection);
                    let mut cursor =
                        documents.find(doc! {}).batch_size(BATCH).await.expect("a cursor");
                    while cursor.advance().await.expect("a document") {
                        std::hint::black_box(cursor.current());
                    }
                }
                Self::Watch { changes, since } => {
                    let stream = database
                        .watch()
                        .start_at_operation_time(*since)
                        .full_document(FullDocumentType::UpdateLookup)
                        .batch_size(BATCH);
                    let mut stream = stream.await.expect("a stream").with_type::<RawDocumentBuf>();
                    for _ in 0..*changes {
                        let event = stream.try_next().await.expect("an event");
                        std::hint::black_box(event.expect("a stream has no end"));
                    }
                }
            }
        });
    }
}
