//! Each misdeed gets its cause, ends its instance or doesn't, and never touches its neighbour.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cartridge_warp::{
    model::{Action, Chunk, Position},
    plugin::{Cause, Engine, EngineSettings, LoadError, Plugin, PluginError, SourceConnection},
};
use miette::Diagnostic;

use crate::setup::{self, Seen, limits};

/// The call that shows the deed.
#[derive(Clone, Copy, Debug)]
enum Call {
    Connect,
    Changes,
    Identity,
    Schema,
    CurrentPosition,
    Plan,
    Snapshot,
}

/// Deed, call, kind of cause, and words of the message.
const DEEDS: [(&str, Call, &str, &str); 38] = [
    ("spin", Call::Changes, "deadline", "no answer within 3s"),
    ("connect:spin", Call::Connect, "deadline", "call connect: no answer"),
    ("sleep", Call::Changes, "deadline", "no answer"),
    ("connect:sleep", Call::Connect, "deadline", "no answer"),
    ("log", Call::Changes, "deadline", "no answer"),
    ("print", Call::Changes, "deadline", "no answer"),
    ("trap", Call::Changes, "trap", "the deed is done"),
    ("connect:trap", Call::Connect, "trap", "the deed is done"),
    ("exit", Call::Changes, "trap", "it called exit(1)"),
    ("recurse", Call::Changes, "trap", "out of bounds"),
    ("allocate", Call::Changes, "out-of-memory", "268435456 bytes"),
    ("huge-log", Call::Changes, "malformed", "larger than"),
    ("garbage", Call::Changes, "malformed", "continuation marker"),
    ("cut", Call::Changes, "malformed", "ends too early"),
    ("row-count", Call::Changes, "malformed", "it has 3 rows, 2 were announced"),
    ("too-many-rows", Call::Changes, "malformed", "5000 rows, 1000 were asked for"),
    ("no-schema", Call::Changes, "malformed", "without its schema"),
    ("other-schema", Call::Changes, "malformed", "another schema"),
    ("long-name", Call::Changes, "malformed", "is no table"),
    ("long-schema-id", Call::Changes, "malformed", "schema id"),
    ("change-position", Call::Changes, "malformed", "position of 1048576 bytes"),
    ("many-batches", Call::Changes, "malformed", "table batches"),
    ("huge-answer", Call::Changes, "malformed", "larger than"),
    ("change-kind", Call::Changes, "malformed", "explode_column"),
    ("many-dead-letters", Call::Changes, "malformed", "dead letters"),
    ("failure-tables", Call::Changes, "malformed", "20000 tables of a failure"),
    ("failure-table", Call::Changes, "malformed", "is no table"),
    ("identity-words", Call::Identity, "malformed", "is no identity"),
    ("identity-bytes", Call::Identity, "malformed", "is no identity"),
    ("table-name", Call::Schema, "malformed", "is no table"),
    ("table-key", Call::Schema, "malformed", "key column `none`"),
    ("table-schema", Call::Schema, "malformed", "continuation marker"),
    ("many-tables", Call::Schema, "malformed", "tables"),
    ("position", Call::CurrentPosition, "malformed", "65537 bytes"),
    ("chunk-descriptor", Call::Plan, "malformed", "chunk descriptor"),
    ("many-chunks", Call::Plan, "malformed", "chunks"),
    ("large-chunks", Call::Plan, "malformed", "3145728 are allowed"),
    ("snapshot-deletes", Call::Snapshot, "malformed", "a deleted row"),
];

/// Deeds that the connection survives.
const WORDS: [(&str, Action, &str); 3] = [
    ("unknown-action", Action::Stop, "odd"),
    ("retry", Action::Retry, "busy"),
    ("connect:nothing", Action::Stop, ""),
];

async fn changes(source: &SourceConnection) -> Result<usize, PluginError> {
    let batch = source.get_changes("shop", &Position(Vec::new()), limits()).await?;
    Ok(batch.tables.iter().map(|table| table.row_count()).sum())
}

async fn run(source: &SourceConnection, call: Call) -> Result<(), PluginError> {
    match call {
        Call::Connect => Ok(()),
        Call::Changes => changes(source).await.map(drop),
        Call::Identity => source.identify("shop").await.map(drop),
        Call::Schema => source.get_schema("shop").await.map(drop),
        Call::CurrentPosition => source.current_position("shop").await.map(drop),
        Call::Plan => {
            let start = Position(Vec::new());
            source.plan_snapshot("shop", "items", &start, 1).await.map(drop)
        }
        Call::Snapshot => {
            let chunk = Chunk { id: "1".into(), descriptor: Vec::new(), estimated_rows: None };
            source.get_full_snapshot("shop", "items", &chunk, None, limits()).await.map(drop)
        }
    }
}

/// What is wrong with how the host took a deed; nothing when all is well.
async fn judge(plugin: &Arc<Plugin>, seen: &Seen, deed: (&str, Call, &str, &str)) -> Vec<String> {
    let (deed, call, kind, words) = deed;
    seen.lost.lock().unwrap().clear();
    let opened = setup::open(plugin, deed).await;
    let outcome = match &opened {
        Ok(source) => run(source, call).await,
        Err(error) => Err(error.clone()),
    };
    let Err(error) = outcome else { return vec![format!("{deed}: it was let through")] };
    let text = error.to_string();
    // I9: whatever comes after a broken call is not let in.
    let after = match opened {
        Ok(source) => source.test_connection().await.map_err(|error| error.cause),
        Err(_) => Err(Cause::Gone),
    };
    let expectations = [
        ("another kind of cause", error.cause.kind() == kind),
        ("other words", text.contains(words) && text.len() < 2000),
        ("another action", error.action() == Action::Reconnect),
        ("no help", Diagnostic::help(&error).is_some()),
        ("entered again", after == Err(Cause::Gone)),
        ("not observed", *seen.lost.lock().unwrap() == [kind]),
    ];
    let broken = expectations.iter().filter(|(_, met)| !met);
    broken.map(|(what, _)| format!("{deed}: {what}: {text}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_deed_has_its_cause_and_the_neighbour_goes_on() {
    let seen = Arc::new(Seen::default());
    let plugin = setup::plugin(&seen).await;
    let neighbour = setup::open(&plugin, "nothing").await.unwrap();
    let mut complaints = Vec::new();
    for deed in DEEDS {
        complaints.extend(judge(&plugin, &seen, deed).await);
        assert_eq!(changes(&neighbour).await, Ok(3), "beside {deed:?}");
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(*seen.suppressed.lock().unwrap() > 1000, "log storms are counted, not printed");
}

#[tokio::test]
async fn a_connectors_own_failure_leaves_the_instance_alive() {
    let seen = Arc::new(Seen::default());
    let plugin = setup::plugin(&seen).await;
    for (deed, action, code) in WORDS {
        let source = setup::open(&plugin, deed).await.unwrap();
        match changes(&source).await {
            Ok(rows) => assert_eq!(rows, 3, "{deed}"),
            Err(error) => {
                assert_eq!(error.action(), action, "{deed}");
                assert_eq!(error.cause.code(), code, "{deed}");
            }
        }
        source.test_connection().await.unwrap();
    }
    assert!(seen.lost.lock().unwrap().is_empty());
}

#[tokio::test]
async fn long_words_are_cut_and_escaped() {
    let plugin = setup::plugin(&Arc::default()).await;
    let source = setup::open(&plugin, "many-words").await.unwrap();
    let Cause::Failure(failure) = changes(&source).await.unwrap_err().cause else { panic!() };
    assert!(failure.code.len() < 100);
    assert!(failure.message.len() < 40_000 && !failure.message.contains('\u{1b}'));
    assert!(failure.detail.unwrap().len() < 20_000);
}

#[tokio::test]
async fn nothing_is_reachable_without_a_grant() {
    let plugin = setup::plugin(&Arc::default()).await;
    let source = setup::open(&plugin, "escape").await.unwrap();
    // The failure would list what worked. I10.
    assert_eq!(changes(&source).await, Ok(3));
}

#[tokio::test]
async fn a_dead_letter_is_cut_to_its_limit() {
    let plugin = setup::plugin(&Arc::default()).await;
    let source = setup::open(&plugin, "huge-dead-letter").await.unwrap();
    let batch = source.get_changes("shop", &Position(Vec::new()), limits()).await.unwrap();
    assert_eq!(batch.rejected[0].payload.len(), 1 << 20);
}

#[tokio::test]
async fn own_metrics_are_bounded() {
    let seen = Arc::new(Seen::default());
    let plugin = setup::plugin(&seen).await;
    let source = setup::open(&plugin, "metrics").await.unwrap();
    changes(&source).await.unwrap();
    assert_eq!(seen.counters.lock().unwrap().len(), 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disconnecting_is_bounded_and_frees_the_memory() {
    let seen = Arc::new(Seen::default());
    let plugin = setup::plugin(&seen).await;
    for deed in ["drop:spin", "drop:trap", "drop:sleep", "nothing"] {
        let source = setup::open(&plugin, deed).await.unwrap();
        changes(&source).await.unwrap();
        let started = Instant::now();
        source.close().await;
        assert!(started.elapsed() < Duration::from_secs(8), "{deed}");
        let (instance, bytes) = *seen.memory.lock().unwrap().last().unwrap();
        assert_eq!(bytes, 0, "{deed}: instance {instance}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_gives_up_does_not_harm_the_connection() {
    let plugin = setup::plugin(&Arc::default()).await;
    let source = setup::open(&plugin, "nothing").await.unwrap();
    // The first answer shows the schema; it is thrown away, and later answers need it.
    for micros in [0, 1, 10, 50, 100, 500, 1000] {
        let given_up = tokio::time::timeout(Duration::from_micros(micros), changes(&source)).await;
        assert!(given_up.is_err() || given_up.is_ok_and(|rows| rows == Ok(3)));
    }
    assert_eq!(changes(&source).await, Ok(3));
    // A full queue does not lose or reorder anything.
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let source = source.clone();
            tokio::spawn(async move { changes(&source).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(3));
    }
    source.clone().close().await;
    assert_eq!(changes(&source).await.unwrap_err().cause, Cause::Gone);
}

#[tokio::test]
async fn what_a_healthy_source_says_arrives() {
    let plugin = setup::plugin(&Arc::default()).await;
    let source = setup::open(&plugin, "nothing").await.unwrap();
    source.test_connection().await.unwrap();
    let tables = source.get_schema("shop").await.unwrap();
    assert_eq!(
        (tables[0].name.as_str(), tables[0].key.as_slice()),
        ("items", &["id".to_owned()][..])
    );
    source.select_tables("shop", &["items".to_owned()]).await.unwrap();
    let start = source.current_position("shop").await.unwrap();
    assert_eq!(start, Position(vec![1; 8]));
    let chunks = source.plan_snapshot("shop", "items", &start, 4).await.unwrap();
    let all = Chunk { id: "all".to_owned(), descriptor: Vec::new(), estimated_rows: None };
    assert_eq!(chunks, std::slice::from_ref(&all));
    let batch = source.get_full_snapshot("shop", "items", &all, None, limits()).await.unwrap();
    assert!(batch.rows.is_none() && batch.next_cursor.is_none());
    for call in 1..=3_u32 {
        let batch = source.get_changes("shop", &start, limits()).await.unwrap();
        assert_eq!(batch.position.0, call.to_le_bytes());
        assert_eq!(batch.tables[0].operation_counts(), [3, 0, 0, 0]);
        assert!(batch.caught_up);
    }
    source.confirm("shop", &start).await.unwrap();
}

/// The whole of what log, `/health`, `error_log` and the command line show.
fn chain(error: &PluginError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Deed, and what the error says of the place.
const PLACES: [(&str, &[&str]); 5] = [
    ("trap", &["in `evil_source::deeds::commit`, called by", "connection.get-changes"]),
    ("log-and-trap", &["evil_source::deeds::commit", "it logged `reading page 7 of 9`"]),
    ("recurse", &["evil_source::deeds::recurse"]),
    ("spin", &["it computes in", "evil_source::deeds::commit"]),
    ("sleep", &["it waits in the import wasi:io/poll"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_says_where_the_guest_was() {
    let plugin = setup::plugin(&Arc::default()).await;
    for (deed, expected) in PLACES {
        let source = setup::open(&plugin, deed).await.unwrap();
        let text = chain(&changes(&source).await.unwrap_err());
        for words in expected {
            assert!(text.contains(words), "{deed}: {words} is missing in {text}");
        }
        assert!(text.len() < 8_000 && !text.contains('\n'), "{deed}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_without_names_is_told_from_one_that_was_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let nameless =
        crate::smuggled::with_modules(&directory, &["(module (func unreachable) (start 0))"]);
    let engine = Engine::new(EngineSettings::default()).unwrap();
    let LoadError::Describe { source, .. } =
        Plugin::load(&engine, &nameless, None).await.unwrap_err()
    else {
        panic!("it was let through")
    };
    let text = chain(&source);
    assert!(text.contains("functions without names"), "{text}");
}
