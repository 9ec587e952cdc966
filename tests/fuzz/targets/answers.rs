//! Everything that guests answer to the calls of the contract.
#![no_main]

use arbitrary::Arbitrary;
use cartridge_warp::plugin::{
    Cause,
    fuzzing::{self as host, limits},
};
use cartridge_warp_fuzz::{answers, memory::bounded, reading, tables};

const ROWS_MAX: u32 = 1_000;
/// More than any answer of these sizes may cost.
const BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Arbitrary, Debug)]
enum Answer {
    Info(answers::Info),
    Tables(Vec<answers::Table>),
    Chunks(Vec<answers::Chunk>),
    Failure(answers::Failure),
    Position(answers::Opaque),
    Snapshot(answers::Changes),
    Changes(Vec<answers::Changes>),
    Outcomes(Vec<(answers::Text, answers::Text)>, u8),
    Written(answers::Written, Vec<u8>),
}

fn read(answer: Answer) {
    match answer {
        Answer::Info(info) => {
            let Ok(info) = host::connector_info(info.answer()) else { return };
            assert!(info.name.len() <= limits::WORD_BYTES_MAX && !info.name.is_empty());
            let _ = host::options(&info.options_schema, &serde_json::json!({"a": 1}));
        }
        Answer::Tables(infos) => {
            let infos = infos.into_iter().map(answers::Table::answer).collect();
            for table in host::Connection::default().tables(infos).unwrap_or_default() {
                named(&table.name);
                assert!(table.key.iter().all(|key| table.schema.index_of(key).is_ok()));
            }
        }
        Answer::Chunks(chunks) => {
            let chunks = chunks.into_iter().map(answers::Chunk::answer).collect();
            for chunk in host::chunks(chunks).unwrap_or_default() {
                assert!(chunk.id.len() <= limits::CHUNK_ID_BYTES_MAX);
                assert!(chunk.descriptor.len() <= limits::POSITION_BYTES_MAX);
            }
        }
        Answer::Failure(failure) => {
            let Cause::Failure(failure) = host::failure(failure.answer()) else { return };
            // Each character may have become ten when it was written out.
            assert!(failure.code.len() <= 10 * limits::WORD_BYTES_MAX + 3);
            assert!(failure.message.len() <= 10 * limits::MESSAGE_BYTES_MAX + 3);
        }
        Answer::Position(bytes) => {
            if let Ok(position) = host::position(bytes.bytes()) {
                assert!(position.0.len() <= limits::POSITION_BYTES_MAX);
            }
        }
        Answer::Snapshot(batch) => {
            let batch = host::Connection::default().snapshot_batch(batch.snapshot(), ROWS_MAX);
            let rows = batch.ok().and_then(|batch| batch.rows);
            rows.iter().for_each(reading::batch);
        }
        Answer::Changes(batches) => changes(batches),
        Answer::Outcomes(words, changes) => {
            let outcomes = words.into_iter().map(|(status, message)| {
                host::destination::ChangeOutcome { status: status.0, message: message.0 }
            });
            let _ = host::change_outcomes(outcomes.collect(), changes.into());
        }
        Answer::Written(outcome, rows) => {
            let rows: Vec<usize> = rows.into_iter().map(usize::from).collect();
            let outcome = host::write_outcome(outcome.answer(), &rows);
            let rejected = outcome.map(|outcome| outcome.rejected).unwrap_or_default();
            assert!(rejected.iter().all(|rejected| rejected.row < rows[rejected.batch]));
        }
    }
}

/// Several answers of one connection, which shares schemas between them.
fn changes(batches: Vec<answers::Changes>) {
    let mut connection = host::Connection::default();
    for batch in batches {
        let Ok(batch) = connection.change_batch(batch.answer(), ROWS_MAX) else { return };
        for rows in &batch.tables {
            named(&rows.table);
            reading::batch(rows);
        }
        for change in &batch.schema_changes {
            named(&change.table);
            assert!(change.after.iter().all(|after| after.name == change.table));
        }
        tables::evolved(&batch);
    }
}

fn named(name: &str) {
    assert!(!name.is_empty() && name.len() <= limits::NAME_BYTES_MAX, "{name:?}");
    assert!(!name.chars().any(char::is_control), "{name:?}");
}

libfuzzer_sys::fuzz_target!(|answer: Answer| bounded(BYTES_MAX, || read(answer)));
