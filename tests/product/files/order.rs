//! The order of a table's files is kept, however many readers it may have.

use cartridge_warp_tests::{Pipeline, rows::sqlite_query};
use serde_json::json;

use super::assert_ended;

#[test]
fn a_later_file_wins_over_an_earlier_one_that_takes_longer() {
    let mut pipeline = Pipeline::new();
    pipeline.set(
        "schemas.0.tables",
        json!([{"name": "t", "max_parallel_streams": 4, "full_load_batch_size": 1000}]),
    );
    let month = |value: &str, count: usize| -> String {
        let rows = (0..count).map(|id| format!("{id},{value}\n"));
        format!("id,v\n{}", rows.rev().collect::<String>())
    };
    // The rows that both have stand at the end of the first file and are all of the others.
    pipeline.write("t/2024-01.csv", &month("January", 60_000));
    for name in ["t/2024-02.csv", "t/2024-03.ndjson", "t/2024-04.csv"] {
        let content = match name.strip_suffix(".csv") {
            Some(_) => month(name, 50),
            None => (0..50).map(|id| format!("{{\"id\":{id},\"v\":\"{name}\"}}\n")).collect(),
        };
        pipeline.write(name, &content);
    }
    assert_ended("four files", &pipeline.catch_up(), 0);
    let sql = "SELECT v, count(*) AS n FROM t GROUP BY v ORDER BY v";
    let counts: Vec<_> = sqlite_query(&pipeline.database(), sql)
        .into_iter()
        .map(|row| (row["v"].clone(), row["n"].clone()))
        .collect();
    let expected = vec![(json!("January"), json!(59_950)), (json!("t/2024-04.csv"), json!(50))];
    assert_eq!(counts, expected);
}
