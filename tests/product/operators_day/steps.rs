//! What happens on that day, one after the other.

use std::thread::{scope, sleep};
use std::time::Duration;

use cartridge_warp_tests::patience::wait_until;
use serde_json::json;

use super::Day;

const RIGHTS: &str = "t00";
const KEY: &str = "t01";
const RENAMED: &str = "t02";
const REFUSED: &str = "t03";
const COPIED: &str = "t04";
/// The table whose notes are nobody's business by the evening.
pub const RULES: &str = "t05";

/// The tables that a step is about.
pub const OWN_STEP: [&str; 6] = [RIGHTS, KEY, RENAMED, REFUSED, COPIED, RULES];

/// A step's name and what it does.
pub type Step = (&'static str, fn(&mut Day));

pub const STEPS: [Step; 9] = [
    ("a table loses its SELECT", rights),
    ("a table loses its key", key),
    ("a developer makes three tables", new_tables),
    ("a column is renamed", renamed),
    ("a row is refused", refused),
    ("the row is mended and tried again", tried_again),
    ("a table is copied again while somebody reads it", copied_again),
    ("a column is hidden from now on", rules),
    ("both servers are away", servers),
];

fn rights(day: &mut Day) {
    day.databases.at_source(&format!("REVOKE SELECT ON {RIGHTS} FROM shop"));
    day.order(&["resync", RIGHTS]);
    day.wait_for(RIGHTS, "parked", None);
    day.databases.at_source(&format!("GRANT SELECT ON {RIGHTS} TO shop"));
    day.order(&["resume", RIGHTS]);
    day.wait_for(RIGHTS, "streaming", None);
}

fn key(day: &mut Day) {
    let more = format!("INSERT INTO {KEY} (n) VALUES (1)");
    day.databases.at_source(&format!("ALTER TABLE {KEY} DROP CONSTRAINT {KEY}_pkey; {more}"));
    day.wait_for(KEY, "parked", None);
    day.databases.at_source(&format!("ALTER TABLE {KEY} ADD PRIMARY KEY (id); {more}"));
    day.order(&["resume", KEY]);
    day.wait_for(KEY, "streaming", None);
}

/// One has no key at first.
fn new_tables(day: &mut Day) {
    day.databases.at_source(
        "SET ROLE shop;
         CREATE TABLE new_empty (id bigserial PRIMARY KEY, note text);
         CREATE TABLE new_full (id bigserial PRIMARY KEY, note text);
         INSERT INTO new_full (note) SELECT 'note' FROM generate_series(1, 1000);
         CREATE TABLE new_keyless (id bigserial, note text);
         INSERT INTO new_keyless (note) VALUES ('first');",
    );
    day.databases.at_source("INSERT INTO new_empty (note) VALUES ('later')");
    day.wait_for("new_empty", "streaming", None);
    day.wait_for("new_full", "streaming", None);
    day.wait_for("new_keyless", "parked", None);
    day.databases.at_source("SET ROLE shop; ALTER TABLE new_keyless ADD PRIMARY KEY (id)");
    day.order(&["resume", "new_keyless"]);
    day.wait_for("new_keyless", "streaming", None);
}

fn renamed(day: &mut Day) {
    day.databases.at_source(&format!(
        "ALTER TABLE {RENAMED} RENAME note TO remark; INSERT INTO {RENAMED} (remark) VALUES ('renamed')"
    ));
    day.wait_for(RENAMED, "parked", Some("schema-change-unapproved"));
    day.order(&["schema", "approve", RENAMED]);
    let sql = format!("SELECT remark FROM {RENAMED} WHERE remark = 'renamed'");
    wait_until("it has its new name", || {
        day.databases.try_at_destination(&sql).is_some_and(|it| it.len() == 1)
    });
}

fn refused(day: &mut Day) {
    day.databases.at_destination(&format!("ALTER TABLE {REFUSED} ADD CHECK (note <> 'bad')"));
    day.databases.at_source(&format!("INSERT INTO {REFUSED} (note) VALUES ('bad')"));
    wait_until("it is a dead letter", || {
        day.order(&["--output", "json", "dlq", "list"]).stdout.lines().count() == 1
    });
}

/// The pipeline stands still meanwhile.
fn tried_again(day: &mut Day) {
    day.databases.at_source(&format!("UPDATE {REFUSED} SET note = 'good' WHERE note = 'bad'"));
    day.watch.expect_nothing();
    day.stop();
    day.order(&["dlq", "retry", "--all"]);
    let mut running = day.pipeline.start();
    running.wait_for("following changes");
    day.running = Some(running);
    day.wait_for(REFUSED, "streaming", None);
}

fn copied_again(day: &mut Day) {
    day.databases.at_source(&format!(
        "INSERT INTO {COPIED} (note) SELECT 'more' FROM generate_series(1, 20000)"
    ));
    let count = format!("SELECT count(*) FROM {COPIED}");
    wait_until("all are there", || day.databases.difference_of(COPIED).is_none());
    let spoilt = format!("UPDATE {COPIED} SET note = 'spoilt' WHERE id % 7 = 0");
    day.databases.at_destination(&spoilt);
    let day = &*day;
    scope(|scope| {
        let copied = scope.spawn(|| {
            day.order(&["resync", COPIED]);
            wait_until("it is as at the source", || day.databases.difference_of(COPIED).is_none());
        });
        let mut most = 0;
        while !copied.is_finished() {
            let now: usize = day.databases.at_destination(&count)[0].parse().unwrap();
            assert!(now >= most, "somebody found {now} rows, and {most} before");
            most = now;
        }
    });
}

fn rules(day: &mut Day) {
    day.pipeline.set("schemas.0.tables", json!([{"name": RULES, "columns": {"mask": ["note"]}}]));
    day.order(&["reload"]);
    let shown = format!("SELECT 1 FROM {RULES} WHERE note IS NOT NULL LIMIT 1");
    wait_until("nobody sees a note", || day.databases.at_destination(&shown).is_empty());
    day.wait_for(RULES, "streaming", None);
}

fn servers(day: &mut Day) {
    day.watch.expect_nothing();
    day.databases.source.stop();
    sleep(day.pace.outage);
    day.databases.source.resume();
    sleep(Duration::from_secs(1));
    day.databases.destination.stop();
    sleep(day.pace.outage);
    day.databases.destination.resume();
    let last = day.databases.at_source("SELECT max(id) FROM pulse").remove(0);
    let arrived = format!("SELECT id FROM pulse WHERE id = {last}");
    wait_until("what was written meanwhile is there", || {
        !day.databases.at_destination(&arrived).is_empty()
    });
}
