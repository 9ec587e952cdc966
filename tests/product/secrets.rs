//! Secrets that change while the pipeline runs: each connection has what holds by then.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use cartridge_warp_tests::{Pipeline, Running};
use serde_json::{Value, json};

/// As the mocks tell a secret, so that no log has it.
fn spelled(secret: &str) -> String {
    secret.chars().map(|letter| format!("{letter}.")).collect()
}

/// A program beside the configuration that counts its runs and prints `token-N`, with a `/` for
/// connection strings to encode.
fn write_program(pipeline: &Pipeline) {
    let script = "#!/bin/sh\necho run >> runs\nprintf 'token/%s\\n' $(wc -l < runs)\n";
    let path = pipeline.path("token.sh");
    fs::write(&path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn runs(pipeline: &Pipeline) -> usize {
    fs::read_to_string(pipeline.path("runs")).unwrap_or_default().lines().count()
}

/// A source that asks for the secret at each connection, and connects anew again and again.
fn asking(source: Value) -> Pipeline {
    let faults = json!([{"call": "get-changes", "at": 0, "times": 1000, "action": "reconnect"}]);
    let mut pipeline = Pipeline::scripted(json!({"probe": {"secret": "token"}, "faults": faults}));
    pipeline.set("source.grants", json!({"secrets": {"token": source}}));
    pipeline.set("error_handling.max_retries", json!(1000));
    pipeline
}

fn ends(running: Running) -> String {
    running.signal(15);
    let ended = running.wait(Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.stderr
}

#[test]
fn a_file_is_read_again_at_each_connection() {
    let pipeline = asking(json!({"file": "token.txt"}));
    fs::write(pipeline.path("token.txt"), "first-secret\n").unwrap();
    let mut running = pipeline.start();
    running.wait_for(&spelled("first-secret"));
    fs::write(pipeline.path("token.txt"), "second-secret\n").unwrap();
    running.wait_for(&spelled("second-secret"));
    let log = ends(running);
    assert!(!log.contains("first-secret") && !log.contains("second-secret"), "{log}");
}

#[test]
fn a_program_is_run_again_when_what_it_printed_expired() {
    for (ttl, again) in [("0s", true), ("1h", false)] {
        let pipeline = asking(json!({"command": ["./token.sh"], "ttl": ttl}));
        write_program(&pipeline);
        let mut running = pipeline.start();
        running.wait_for(&spelled("token/1"));
        if again {
            running.wait_for(&spelled("token/2"));
        }
        while running.stderr().matches("probed a secret").count() < 5 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let log = ends(running);
        assert_eq!(runs(&pipeline) > 1, again, "{ttl}: {} runs", runs(&pipeline));
        assert!(!log.contains("token/"), "{log}");
    }
}

#[test]
fn a_program_that_fails_is_shown_to_the_operator_alone() {
    let script = "printf 'no \\033[31mlogin' >&2; exit 3";
    let pipeline = asking(json!({"command": ["sh", "-c", script], "ttl": "1m"}));
    let mut running = pipeline.start();
    running.wait_for("the secret could not be read; the host's log says why");
    running.wait_for("the command sh failed (exit status: 3): no ");
    let log = ends(running);
    assert!(!log.contains('\u{1b}'), "{log}");
}

/// A source that answers its connection string, spelled, in a failure after which it connects anew.
fn telling(connection_string: &str) -> Pipeline {
    let options = json!({"deed": "connection", "fail": true});
    let mut pipeline = Pipeline::networked(connection_string, options);
    pipeline.set("error_handling.max_retries", json!(1000));
    pipeline
}

#[test]
fn a_token_is_the_password_of_a_url_anew_at_each_connection() {
    let mut pipeline = telling("net://app:${secrets.token}@db.example:4000/shop");
    write_program(&pipeline);
    let token = json!({"command": ["./token.sh"], "ttl": "0s"});
    pipeline.set("source.grants", json!({"secrets": {"token": token}}));
    let mut running = pipeline.start();
    running.wait_for(&spelled("net://app:token%2F1@db.example:4000/shop"));
    running.wait_for(&spelled("net://app:token%2F2@db.example:4000/shop"));
    let log = ends(running);
    assert!(!log.contains("token/") && !log.contains("token%2F"), "{log}");
}

#[test]
fn a_connection_string_file_is_read_again_at_each_connection() {
    let mut pipeline = telling("");
    fs::write(pipeline.path("dsn.txt"), "net://app:first@db.example:4000/shop\n").unwrap();
    pipeline.set("source.connection_string", Value::Null);
    pipeline.set("source.connection_string_file", json!("dsn.txt"));
    let mut running = pipeline.start();
    running.wait_for(&spelled("app:first@"));
    fs::write(pipeline.path("dsn.txt"), "net://app:second@db.example:4000/shop\n").unwrap();
    running.wait_for(&spelled("app:second@"));
    ends(running);
}

#[test]
fn places_for_secrets_that_cannot_be_filled_or_would_decide_grants_are_refused() {
    let token = json!({"secrets": {"token": {"env": "TOKEN_OF_TEST"}}});
    let cases = [
        ("no such grant", "net://app:${secrets.token}@db:4000/", json!({}), "is not granted"),
        (
            "a host",
            "net://app@${secrets.token}:4000/",
            token,
            "decides what the connector may reach",
        ),
    ];
    for (name, connection_string, grants, expected) in cases {
        let mut pipeline = telling(connection_string);
        pipeline.set("source.grants", grants);
        let mut command = pipeline.command(&["run", "--until-caught-up"]);
        command.env("TOKEN_OF_TEST", "db.example");
        let ended = Running::start(command).wait(Duration::from_secs(60));
        assert_eq!(ended.status.code(), Some(2), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{name}: {}", ended.stderr);
    }
}
