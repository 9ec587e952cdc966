//! What a schema does instead of its work, by its name.

use std::{hint::black_box, time::Duration};

use cartridge_warp_sdk::{ChangeBatch, ColumnType, DeadLetter, SchemaChange, Table, log};

/// Letters and tables stay at the destination, which all schemas share: a flood of them is another
/// test's.
const LETTERS_PAUSE: Duration = Duration::from_millis(20);
const TABLES_PAUSE: Duration = Duration::from_secs(1);

/// Does what the schema's name says; none for an honest one.
pub(crate) fn commit(schema: &str, after: u64, calls: u64) -> Option<ChangeBatch> {
    let batch = || ChangeBatch {
        position: (after + 1).to_le_bytes().to_vec(),
        caught_up: false,
        ..ChangeBatch::default()
    };
    Some(match schema {
        "spin" => loop {
            black_box(());
        },
        "allocate" => allocate(),
        "log" => loop {
            log::info(&"again and again ".repeat(500), &[]);
        },
        "trap" => trap(calls),
        // The host takes it all before it sees that it is no position.
        "huge" => ChangeBatch { position: vec![7; 40 << 20], ..batch() },
        "letters" => {
            std::thread::sleep(LETTERS_PAUSE);
            ChangeBatch { rejected: (0..5).map(|_| letter(schema)).collect(), ..batch() }
        }
        "sleep" => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        "tables" => {
            std::thread::sleep(TABLES_PAUSE);
            ChangeBatch { schema_changes: vec![announcement(after)], ..batch() }
        }
        _ => return None,
    })
}

fn allocate() -> ChangeBatch {
    let mut kept = Vec::new();
    loop {
        kept.push(vec![1_u8; 1 << 20]);
        black_box(&kept);
    }
}

#[allow(clippy::panic, reason = "it is what this deed is")]
fn trap(calls: u64) -> ChangeBatch {
    panic!("call {calls} is refused");
}

fn letter(schema: &str) -> DeadLetter {
    DeadLetter {
        table: crate::feed::table(schema),
        operation: "insert".to_owned(),
        payload: "p".repeat(300),
        code: "malformed-row".to_owned(),
        message: "not a row".to_owned(),
        origin: "nowhere".to_owned(),
        key: None,
    }
}

/// A wide table more, each time.
fn announcement(number: u64) -> SchemaChange {
    let mut table = Table::new(format!("more_{number}")).column("id", ColumnType::BigInt);
    for column in 0..100 {
        table = table.column(format!("column_{column}"), ColumnType::String);
    }
    SchemaChange::add_table(table.key(["id"]))
}
