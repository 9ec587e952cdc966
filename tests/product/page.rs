//! The page of a running pipeline, in a browser: what an operator does at night, through it alone.

#![allow(clippy::expect_used)] // Helpers of tests are tests, too.

use std::fs;

use cartridge_warp_tests::{Browser, Databases, Pipeline, Running, control, patience::wait_until};
use serde_json::{Value, json};

const TOKEN: &str = "a token of enough bytes";
/// A name that would be markup.
const MARKUP: &str = "<img src=x onerror=\"window.forbidden.push(1)\">";

/// The run of a pipeline with a port that follows changes, and the page's origin.
fn served(pipeline: &mut Pipeline) -> (Running, String) {
    let (mut running, origin) = begun(pipeline);
    running.wait_for("following changes");
    (running, origin)
}

/// The same as soon as it takes orders.
fn begun(pipeline: &mut Pipeline) -> (Running, String) {
    fs::write(pipeline.path("token"), TOKEN).unwrap();
    let control = json!({"socket": "./socket", "listen": "127.0.0.1:0", "token_file": "./token"});
    pipeline.set("control", control);
    let mut running = pipeline.start();
    running.wait_for("taking orders over TCP");
    let log = running.stderr();
    let port = log.split("\"control\":\"127.0.0.1:").nth(1).unwrap().split('"').next().unwrap();
    (running, format!("http://127.0.0.1:{port}"))
}

/// A browser that has signed in.
fn signed_in(origin: &str) -> Browser {
    let mut browser = Browser::start();
    browser.open(origin);
    sign_in(&mut browser, TOKEN);
    browser.wait("it is in", "!document.getElementById('room').hidden");
    browser
}

fn sign_in(browser: &mut Browser, token: &str) {
    browser.wait("it asks for the token", "document.activeElement.id === 'token'");
    browser.write(token);
    browser.press("Enter");
}

/// Waits until the page shows this state of a table.
fn shows(browser: &mut Browser, table: &str, state: &str) {
    let rows = "[...document.querySelectorAll('#tables-body tr')]";
    let row =
        format!("{rows}.find((row) => row.firstElementChild.textContent === {})", json!(table));
    let state = json!(state);
    browser.wait("it shows", &format!("{row}?.querySelector('.state').textContent === {state}"));
}

/// Clicks a control, and confirms it.
fn order(browser: &mut Browser, name: &str, yes: &str) {
    browser.click(name);
    browser.wait("it asks before", "document.getElementById('dialog').open");
    browser.click(yes);
}

fn said(browser: &mut Browser, words: &str) {
    let words = json!(words);
    let has = format!("document.getElementById('said').textContent.includes({words})");
    browser.wait("it says so", &has);
}

/// A schema with tables of all kinds at both sides; rows of `bad` that are called so are refused.
fn shop() -> (Databases, Pipeline) {
    let databases = Databases::start();
    let markup = MARKUP.replace('"', "\"\"");
    databases.at_source(&format!(
        "CREATE TABLE items (id int PRIMARY KEY, note text);
         CREATE TABLE orders (id int PRIMARY KEY, note text);
         CREATE TABLE bad (id int PRIMARY KEY, note text);
         CREATE TABLE \"{markup}\" (id int PRIMARY KEY, note text);
         INSERT INTO items SELECT i, 'first' FROM generate_series(1, 100) i;
         INSERT INTO orders VALUES (1, 'first');
         INSERT INTO \"{markup}\" VALUES (1, 'first');
         INSERT INTO bad VALUES (1, 'good'), (2, 'bad'), (3, 'bad')"
    ));
    databases.at_destination(
        "CREATE TABLE bad (id int PRIMARY KEY, note text CONSTRAINT no_bad CHECK (note <> 'bad'))",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("schema_evolution.strategy", json!("strict"));
    (databases, pipeline)
}

#[test]
fn an_operators_night_goes_through_the_page_alone() {
    let (databases, mut pipeline) = shop();
    let (_running, origin) = served(&mut pipeline);
    let mut browser = Browser::start();
    browser.open(&origin);
    browser.picture("login");
    sign_in(&mut browser, "a token of other bytes");
    let refused = "document.getElementById('wrong').textContent.includes('control-token')";
    browser.wait("a wrong token is refused", refused);
    assert_eq!(browser.value("document.getElementById('room').hidden"), true);
    sign_in(&mut browser, TOKEN);
    shows(&mut browser, "public.orders", "streaming");

    // A name that is markup is text.
    shows(&mut browser, &format!("public.{MARKUP}"), "streaming");
    assert_eq!(browser.value("document.querySelectorAll('img').length"), 0);

    order(&mut browser, "Pause: public.orders", "Pause");
    said(&mut browser, "public.orders: paused (was streaming)");
    shows(&mut browser, "public.orders", "paused");
    databases
        .at_source("INSERT INTO orders VALUES (2, 'more'); INSERT INTO items VALUES (101, 'm')");
    wait_until("the other goes on", || {
        databases.at_destination("SELECT count(*) FROM items") == ["101"]
    });
    assert_eq!(databases.at_destination("SELECT count(*) FROM orders"), ["1"]);
    browser.picture("night");
    order(&mut browser, "Resume: public.orders", "Resume");
    said(&mut browser, "public.orders: again (was paused)");
    shows(&mut browser, "public.orders", "streaming");
    assert_eq!(databases.at_destination("SELECT count(*) FROM orders"), ["2"]);

    // What nobody wrote there is gone after a new copy.
    databases.at_destination("INSERT INTO items VALUES (999, 'stray')");
    order(&mut browser, "Copy again: public.items", "Copy again");
    said(&mut browser, "public.items: again (was streaming)");
    wait_until("it is copied again", || databases.difference_of("items").is_none());

    approve(&databases, &mut browser);
    settle(&databases, &mut browser);
    wait_until("both are equal but for what was given up", || {
        databases.differences().len() == 1 && databases.difference_of("bad").is_some()
    });
    let stored = "localStorage.length + sessionStorage.length + document.cookie.length";
    assert_eq!(browser.value(stored), 0, "the token is kept nowhere");
    assert_eq!(browser.wrongs(&origin), [""; 0]);
}

/// A change of shape waits, is looked at and approved.
fn approve(databases: &Databases, browser: &mut Browser) {
    databases.at_source("ALTER TABLE orders ADD w text; INSERT INTO orders VALUES (3, 'b', 'w')");
    shows(browser, "public.orders", "parked");
    let name = "Approve add column w text of public.orders";
    browser.wait("the change is shown", &format!("{} !== undefined", control(name)));
    browser.picture("approval");
    browser.click(name);
    said(browser, "public.orders: approved");
    wait_until("both are equal", || databases.difference_of("orders").is_none());
    shows(browser, "public.orders", "streaming");
    browser.wait("nothing waits", "document.getElementById('approvals').hidden");
}

/// Two letters: one is mended and tried again, the other given up.
fn settle(databases: &Databases, browser: &mut Browser) {
    let cards = "[...document.querySelectorAll('#letters-list li')]";
    browser.wait("two letters are open", &format!("{cards}.length === 2"));
    let shown = browser.value("document.getElementById('letters').textContent");
    assert!(shown.as_str().unwrap().contains("constraint"), "{shown}");
    databases.at_source("UPDATE bad SET note = 'mended' WHERE id = 2");
    wait_until("it is written", || {
        databases.at_destination("SELECT note FROM bad WHERE id = 2") == ["mended"]
    });
    browser.click("Retry all dead letters of public");
    said(browser, "1 letter resolved; 1 refused again");
    browser.wait("one is left", &format!("{cards}.length === 1"));
    browser.picture("letters");
    browser.click("Discard all dead letters of public");
    browser.wait("it asks why", "document.activeElement.id === 'reason'");
    browser.write("nobody needs it");
    browser.click("Discard");
    said(browser, "1 letter discarded");
    browser.wait("none is left", "document.getElementById('letters').hidden");
    let settled = "SELECT resolution FROM cartridge_warp_metadata.dead_letter_queue \
                   WHERE status = 'discarded'";
    let settled = databases.at_destination(settled).concat();
    assert!(settled.contains("control@") && settled.ends_with("nobody needs it"), "{settled}");
}

#[test]
fn a_keyboard_is_enough() {
    let (_databases, mut pipeline) = shop();
    let (_running, origin) = served(&mut pipeline);
    let mut browser = signed_in(&origin);
    shows(&mut browser, "public.orders", "streaming");
    let name = "(document.activeElement.getAttribute('aria-label') ?? \
                document.activeElement.textContent)";
    let go_to = |browser: &mut Browser, wanted: &str| {
        for _ in 0..200 {
            browser.press("Tab");
            if browser.value(name) == wanted {
                return;
            }
        }
        panic!("no way to {wanted}");
    };
    go_to(&mut browser, "Pause: public.orders");
    let outlined = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(browser.value(outlined), "solid", "the focus is seen");
    browser.press("Enter");
    browser.wait("the careful answer is first", &format!("{name} === 'Cancel'"));
    browser.press("Escape");
    browser.wait("it is closed", "!document.getElementById('dialog').open");
    assert_eq!(browser.value(name), "Pause: public.orders", "the focus is where it was");
    shows(&mut browser, "public.orders", "streaming");
    browser.press("Enter");
    browser.wait("it asks again", "document.getElementById('dialog').open");
    go_to(&mut browser, "Pause");
    browser.press("Enter");
    shows(&mut browser, "public.orders", "paused");
    browser.wait("the focus stays in the row", &format!("{name} === 'Resume: public.orders'"));
    assert_eq!(browser.wrongs(&origin), [""; 0]);
}

#[test]
fn every_control_has_a_name_and_nothing_is_wider_than_a_phone() {
    let (_databases, mut pipeline) = shop();
    let (_running, origin) = served(&mut pipeline);
    let mut browser = signed_in(&origin);
    shows(&mut browser, "public.orders", "streaming");
    browser.wait("letters", "document.querySelectorAll('#letters-list li').length === 2");
    let nameless = "[...document.querySelectorAll('button, input, select, progress')].filter((it) => \
                    !(it.ariaLabel || it.textContent || it.labels?.length) && it.checkVisibility())\
                    .map((it) => it.outerHTML)";
    assert_eq!(browser.value(nameless), json!([]));
    let ink =
        "getComputedStyle(document.body).color + getComputedStyle(document.body).backgroundColor";
    let mut inks = Vec::new();
    for (width, dark) in [(1280, false), (1280, true), (375, false), (375, true)] {
        browser.show(width, dark);
        browser.picture(&format!("{width}-{}", if dark { "dark" } else { "light" }));
        inks.push(browser.value(ink));
        let wide = browser.value("document.documentElement.scrollWidth");
        assert!(wide.as_u64().unwrap() <= u64::from(width), "{wide} of {width}");
    }
    assert!(inks[0] != inks[1] && inks[0] == inks[2] && inks[1] == inks[3], "{inks:?}");
    browser.click("Discard all dead letters of public");
    browser.picture("375-dialog");
    let fits = "document.getElementById('dialog').getBoundingClientRect().right <= 375";
    assert_eq!(browser.value(fits), true);
}

#[test]
fn two_thousand_tables_are_sought_and_sorted() {
    let mut pipeline = Pipeline::new();
    for number in 0..2_000 {
        pipeline.write(&format!("table{number:04}.ndjson"), "{\"id\":1}\n");
    }
    // The page is there long before all of them are copied.
    let (_running, origin) = begun(&mut pipeline);
    let mut browser = signed_in(&origin);
    let count = "document.getElementById('tables-count').textContent";
    browser.wait("all are known", &format!("{count} === '2,000 tables'"));
    let rows = "document.querySelectorAll('#tables-body tr').length";
    assert_eq!(browser.value(rows), 50);
    browser.value("document.getElementById('search').focus()");
    browser.write("TABLE19");
    browser.wait("a hundred are found", &format!("{count} === '100 of 2,000 tables'"));
    let first = "document.querySelector('#tables-body th').textContent";
    assert_eq!(browser.value(first), "shop.table1900");
    browser.click("Next page");
    browser.wait("the others", &format!("{first} === 'shop.table1950'"));
    browser.click("Table ▲");
    browser.wait("the other way round", &format!("{first} === 'shop.table1999'"));
    assert_eq!(browser.value("document.querySelector('[aria-sort]').ariaSort"), "descending");
    browser.picture("many");
    let only = |browser: &mut Browser, state: &str| {
        let choose = format!("document.getElementById('state').value = '{state}'");
        let tell = "document.getElementById('state').dispatchEvent(new Event('change'))";
        browser.value(&format!("{choose}; {tell}"));
    };
    only(&mut browser, "paused");
    browser.wait("none of those", &format!("{count} === '0 of 2,000 tables' && {rows} === 0"));
    only(&mut browser, "");
    browser.wait("they are back", &format!("{count} === '100 of 2,000 tables'"));
    assert_eq!(browser.wrongs(&origin), [""; 0]);
}

#[test]
fn a_run_that_is_gone_is_said_and_found_again() {
    let mut pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1}\n");
    let (running, origin) = served(&mut pipeline);
    let mut browser = signed_in(&origin);
    shows(&mut browser, "shop.orders", "streaming");
    running.kill();
    let gone = "document.getElementById('wrong').textContent.startsWith('The run does not answer')";
    browser.wait("it is said", gone);
    pipeline.set("control.listen", json!(origin.trim_start_matches("http://")));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    browser.wait("it is found again", "document.getElementById('wrong').textContent === ''");
    let process = Value::from(format!("process {},", running.id()));
    browser.wait(
        "it is the new one",
        &format!("document.getElementById('run').textContent.startsWith({process})"),
    );
    browser.click("Sign out");
    browser.wait("nothing is left of it", "document.getElementById('room').hidden");
}
