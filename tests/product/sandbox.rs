//! What the configuration grants a connector it gets, no more, and within its limits.

use std::fs;

use cartridge_warp_tests::Pipeline;
use serde_json::{Value, json};

fn pipeline(options: Value) -> Pipeline {
    Pipeline::scripted(options)
}

/// The connector's fields of each line of the log with this message.
fn found(log: &str, message: &str) -> Vec<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_message = lines.filter(|line| line["message"] == message);
    of_message.map(|line| line["fields"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn secrets_and_variables_are_seen_only_as_granted() {
    let probe = json!({"probe": {"secret": "token", "environment": "REGION"}});
    let cases = [
        ("nothing granted", json!({}), "no secret", "not found"),
        (
            "a secret of a file, a set variable",
            json!({
                "secrets": {"token": {"file": "token.txt"}},
                "environment": {"REGION": "north"},
            }),
            "f.r.o.m. .a. .f.i.l.e.",
            "north",
        ),
        (
            "a secret of a variable, a variable passed on",
            json!({"secrets": {"token": {"env": "SECRET_TOKEN"}}, "environment": ["REGION"]}),
            "f.r.o.m. .o.u.t.s.i.d.e.",
            "south",
        ),
    ];
    for (name, grants, secret, environment) in cases {
        let mut pipeline = pipeline(probe.clone());
        fs::write(pipeline.path("token.txt"), "from a file\n").unwrap();
        pipeline.set("source.grants", grants);
        let mut command = pipeline.command(&["run", "--until-caught-up"]);
        command.env("SECRET_TOKEN", "from outside").env("REGION", "south");
        let ended =
            cartridge_warp_tests::Running::start(command).wait(std::time::Duration::from_secs(60));
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        for (message, expected) in
            [("probed a secret", secret), ("probed the environment", environment)]
        {
            let found = found(&ended.stderr, message);
            assert!(
                !ended.stderr.contains("from a file") && !ended.stderr.contains("from outside")
            );
            assert!(!found.is_empty(), "{name}: {message}: {}", ended.stderr);
            assert!(found.iter().all(|found| found.contains(expected)), "{name}: {found:?}");
        }
    }
}

#[test]
fn directories_are_read_only_unless_they_are_granted_for_writing() {
    for (writable, written) in [(true, true), (false, false)] {
        let mut pipeline = pipeline(json!({"probe": {"file": "probe.txt"}}));
        fs::create_dir(pipeline.path("lake")).unwrap();
        let grants = json!({"directories": [{"path": "lake", "writable": writable}]});
        pipeline.set("source.grants", grants);
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{}", ended.stderr);
        assert!(!found(&ended.stderr, "probed a directory").is_empty(), "{}", ended.stderr);
        assert_eq!(pipeline.path("lake/probe.txt").exists(), written, "{}", ended.stderr);
    }
}

#[test]
fn log_lines_above_the_rate_are_counted() {
    for (rate, all) in [(10, false), (1000, true)] {
        let mut pipeline = pipeline(json!({"probe": {"log_lines": 300}}));
        pipeline.set("source.limits", json!({"log_lines_per_second": rate}));
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{}", ended.stderr);
        let lines = ended.stderr.matches("one line of many").count();
        assert!(if all { lines >= 300 } else { lines < 100 }, "{lines} lines at {rate} a second");
    }
}

#[test]
fn memory_and_time_of_a_call_are_bounded_as_configured() {
    let hang = json!({"faults": [{"call": "get-schema", "at": 0, "action": "hang"}]});
    let cases = [
        ("enough memory", json!({"probe": {"memory": 100}}), json!({"memory": "200MiB"}), None),
        (
            "too little memory",
            json!({"probe": {"memory": 100}}),
            json!({"memory": "50MiB"}),
            Some("memory"),
        ),
        ("a deadline", hang, json!({"call_deadline": "1s"}), Some("deadline")),
    ];
    for (name, options, limits, expected) in cases {
        let mut pipeline = pipeline(options);
        pipeline.set("source.limits", limits);
        pipeline.set("error_handling.max_retries", json!(0));
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.success(), expected.is_none(), "{name}: {}", ended.stderr);
        let Some(expected) = expected else { continue };
        assert!(ended.stderr.contains(expected), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains("scripted"), "{name} names the plugin: {}", ended.stderr);
    }
}
