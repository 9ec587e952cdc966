//! What an honest schema tells: each change follows from its number alone.

/// Keys of each table.
const KEYS: u64 = 200;

/// The only table of a schema.
pub fn table(schema: &str) -> String {
    format!("of_{schema}")
}

/// The row that change `n` writes its number into.
pub fn key(n: u64) -> u64 {
    n.wrapping_mul(7) % KEYS
}

/// The rows after this many changes, as (key, value).
pub fn rows(changes: u64) -> Vec<(u64, u64)> {
    let last = (0..changes).map(|n| (key(n), n));
    last.collect::<std::collections::BTreeMap<_, _>>().into_iter().collect()
}
