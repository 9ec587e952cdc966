//! Partitions that come with rows, go with them or are emptied, of which the log says nothing under
//! the root's name: the table is copied again, or it is said. What brings no such rows costs no copy.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use cartridge_warp_tests::{Databases, Pipeline, Running};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(90);

/// What is done to the partitions of a table `t`, and whether rows come or go by it.
struct Case {
    name: &'static str,
    change: &'static str,
    is_copied: bool,
}

const fn case(name: &'static str, change: &'static str, is_copied: bool) -> Case {
    Case { name, change, is_copied }
}

const CASES: [Case; 22] = [
    case(
        "returned",
        "ALTER TABLE t DETACH PARTITION t_1; UPDATE t_1 SET note = 'changed' WHERE id = 150; \
         DELETE FROM t_1 WHERE id = 151; ALTER TABLE t ATTACH PARTITION t_1 FOR VALUES FROM (100) TO (200)",
        true,
    ),
    case(
        "returned_by_two",
        "ALTER TABLE t DETACH PARTITION t_1; COMMIT; BEGIN; DELETE FROM t_1 WHERE id = 151; COMMIT; \
         BEGIN; ALTER TABLE t ATTACH PARTITION t_1 FOR VALUES FROM (100) TO (200)",
        true,
    ),
    case(
        "attach",
        "CREATE TABLE t_n (LIKE t INCLUDING ALL); INSERT INTO t_n VALUES (250, 'n'); ATTACH",
        true,
    ),
    case("attach_empty", "CREATE TABLE t_n (LIKE t INCLUDING ALL); ATTACH", false),
    case(
        "attach_then_fill",
        "CREATE TABLE t_n (LIKE t INCLUDING ALL); ATTACH; INSERT INTO t VALUES (250, 'n'); \
         UPDATE t SET note = 'changed' WHERE id = 250",
        false,
    ),
    case(
        "attach_in_one",
        "BEGIN; CREATE TABLE t_n (LIKE t INCLUDING ALL); INSERT INTO t_n VALUES (250, 'n'); ATTACH; \
         INSERT INTO t VALUES (251, 'n'); COMMIT",
        true,
    ),
    case(
        "attach_emptied",
        "CREATE TABLE t_n (LIKE t INCLUDING ALL); INSERT INTO t_n VALUES (250, 'n'); DELETE FROM t_n; ATTACH",
        false,
    ),
    case("made", "CREATE TABLE t_n PARTITION OF t FOR VALUES FROM (200) TO (300)", false),
    case(
        "made_filled",
        "BEGIN; CREATE TABLE t_n PARTITION OF t FOR VALUES FROM (200) TO (300); \
         INSERT INTO t VALUES (250, 'n'); COMMIT; INSERT INTO t VALUES (251, 'n')",
        false,
    ),
    case(
        "made_filled_dropped",
        "CREATE TABLE t_n PARTITION OF t FOR VALUES FROM (200) TO (300); INSERT INTO t VALUES (250, 'n'); \
         DROP TABLE t_n",
        true,
    ),
    case(
        "made_filled_emptied",
        "CREATE TABLE t_n PARTITION OF t FOR VALUES FROM (200) TO (300); INSERT INTO t VALUES (250, 'n'); \
         TRUNCATE t_n; INSERT INTO t VALUES (251, 'n')",
        true,
    ),
    case("detach", "ALTER TABLE t DETACH PARTITION t_1; ALTER TABLE t_1 SET SCHEMA aside", true),
    case("drop", "DROP TABLE t_1", true),
    case("truncate", "TRUNCATE t_1", true),
    case("truncate_fill", "TRUNCATE t_1; INSERT INTO t VALUES (150, 'again')", true),
    case("truncate_all", "TRUNCATE t", false),
    case(
        "truncate_all_fill",
        "TRUNCATE t; INSERT INTO t VALUES (150, 'again'), (50, 'again')",
        false,
    ),
    case(
        "truncate_both",
        "TRUNCATE t; INSERT INTO t VALUES (150, 'again'), (50, 'again'); TRUNCATE t_1",
        true,
    ),
    case("vacuum_full", "VACUUM FULL t_1", false),
    case("cluster", "CLUSTER t_1 USING t_1_pkey", false),
    case(
        "attach_tree",
        "CREATE TABLE t_s (LIKE t INCLUDING ALL) PARTITION BY RANGE (id); \
         CREATE TABLE t_n PARTITION OF t_s FOR VALUES FROM (200) TO (250); \
         INSERT INTO t_s VALUES (220, 'n'); \
         ALTER TABLE t ATTACH PARTITION t_s FOR VALUES FROM (200) TO (300)",
        true,
    ),
    case(
        "attach_empty_tree",
        "CREATE TABLE t_s (LIKE t INCLUDING ALL) PARTITION BY RANGE (id); \
         CREATE TABLE t_n PARTITION OF t_s FOR VALUES FROM (200) TO (250); \
         ALTER TABLE t ATTACH PARTITION t_s FOR VALUES FROM (200) TO (300); \
         INSERT INTO t VALUES (220, 'n')",
        false,
    ),
];

impl Case {
    fn table(&self) -> String {
        format!("t_{}", self.name)
    }

    /// SQL with the case's own names.
    fn of(&self, sql: &str) -> String {
        let attach = "ALTER TABLE t ATTACH PARTITION t_n FOR VALUES FROM (200) TO (300)";
        let words = sql.replace("ATTACH;", &format!("{attach};"));
        let words = match words.strip_suffix("ATTACH") {
            Some(before) => format!("{before}{attach}"),
            None => words,
        };
        let own = |word: &str| {
            let name = word.trim_end_matches([';', ',']);
            let (name, rest) = word.split_at(name.len());
            match name.strip_prefix('t') {
                Some("") => format!("{}{rest}", self.table()),
                Some(part) if part.starts_with('_') => format!("{}{part}{rest}", self.table()),
                _ => word.to_owned(),
            }
        };
        let paren = |word: &str| match word.strip_prefix('(') {
            Some(inner) => format!("({}", own(inner)),
            None => own(word),
        };
        words.split(' ').map(paren).collect::<Vec<_>>().join(" ")
    }

    fn make(&self) -> String {
        self.of("CREATE TABLE t (id int PRIMARY KEY, note text) PARTITION BY RANGE (id); \
             CREATE TABLE t_0 PARTITION OF t FOR VALUES FROM (0) TO (100); \
             CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (100) TO (200); \
             INSERT INTO t SELECT n, 'note ' || n FROM generate_series(1, 190) n")
    }
}

fn caught_up() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source("CREATE SCHEMA aside");
    CASES.iter().for_each(|case| drop(databases.at_source(&case.make())));
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
    pipeline.set("error_handling.max_retries", json!(50));
    // Tables that partitions are made of before they are attached.
    pipeline.set("schemas.0.table_blacklist", json!(["*_n", "*_s"]));
    pipeline.set("source.options", json!({"table_check_seconds": 1}));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(differences(&databases), Vec::<String>::new());
    (databases, pipeline)
}

/// Tables of the source whose partitions' rows are not those of the destination.
fn differences(databases: &Databases) -> Vec<String> {
    let sums = |case: &Case| {
        format!(
            "SELECT count(*), md5(coalesce(string_agg(c::text, ' ' ORDER BY c.id), '')) FROM {} c",
            case.table()
        )
    };
    let differs = |case: &&Case| {
        databases.try_at_destination(&sums(case)).as_ref()
            != Some(&databases.at_source(&sums(case)))
    };
    CASES.iter().filter(differs).map(Case::table).collect()
}

/// Whether the run said of a table that it is copied again.
fn is_copied(words: &str, case: &Case) -> bool {
    let table = format!("\"{}\"", case.table());
    let plain = format!("table={}", case.table());
    words
        .lines()
        .filter(|line| line.contains("copying the table again"))
        .any(|line| line.contains(&table) || line.split_whitespace().any(|word| word == plain))
}

fn check_copies(words: &str) {
    let wrong = CASES.iter().filter(|case| is_copied(words, case) != case.is_copied);
    let wrong: Vec<&str> = wrong.map(|case| case.name).collect();
    assert!(wrong.is_empty(), "copied or not against expectation: {wrong:?}\n{words}");
}

fn wait_until_equal(databases: &Databases, running: &mut Running) {
    let start = Instant::now();
    loop {
        let differences = differences(databases);
        if differences.is_empty() {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{differences:?}\n{}", running.stderr());
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn partitions_that_changed_while_nobody_read_are_noticed() {
    let (databases, pipeline) = caught_up();
    CASES.iter().for_each(|case| drop(databases.at_source(&case.of(case.change))));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(differences(&databases), Vec::<String>::new(), "{}", ended.stderr);
    check_copies(&ended.stderr);
    // What was learned is remembered: nothing is copied twice.
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!ended.stderr.contains("copying the table again"), "{}", ended.stderr);
}

#[test]
fn partitions_that_change_while_somebody_reads_are_noticed() {
    for read_by in ["streaming", "sql"] {
        let (databases, mut pipeline) = caught_up();
        pipeline.set("source.options.read_by", json!(read_by));
        let mut running = pipeline.start();
        running.wait_for("following changes");
        CASES.iter().for_each(|case| drop(databases.at_source(&case.of(case.change))));
        wait_until_equal(&databases, &mut running);
        running.signal(15);
        let words = running.stderr();
        assert!(running.wait(PATIENCE).status.success(), "{words}");
        check_copies(&words);
    }
}

#[test]
fn partition_changes_are_said_where_the_operator_wants_no_copy() {
    let (databases, mut pipeline) = caught_up();
    pipeline.set("source.options.partition_changes", json!("ignore"));
    let failed = pipeline.catch_up();
    assert!(
        !failed.status.success() && failed.stderr.contains("partition_changes"),
        "{}",
        failed.stderr
    );
    pipeline.set("source.options.partition_changes", json!("warn"));
    CASES.iter().for_each(|case| drop(databases.at_source(&case.of(case.change))));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!ended.stderr.contains("copying the table again"), "{}", ended.stderr);
    let said: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| line.contains("of which the log does not tell"))
        .collect();
    for case in &CASES {
        let flag = format!("--full-resync=public.{}", case.table());
        let names = |line: &&str| line.split(['"', ' ']).any(|word| word.ends_with(&flag));
        assert_eq!(said.iter().any(names), case.is_copied, "{}: {}", case.name, ended.stderr);
    }
    let flags: Vec<String> = CASES
        .iter()
        .filter(|case| case.is_copied)
        .map(|case| format!("public.{}", case.table()))
        .collect();
    let ended =
        pipeline.run(&["run", "--until-caught-up", &format!("--full-resync={}", flags.join(","))]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(differences(&databases), Vec::<String>::new());
}
