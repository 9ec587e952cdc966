//! What a connector that asks for too much gets of the file system: what the configuration means, and
//! of that no more.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    process::Command,
};

use cartridge_warp_tests::{
    Ended, Pipeline, Running,
    rows::{sqlite_count, sqlite_count_live},
    wait_until,
};
use serde_json::{Value, json};

/// The hostile source in one schema, `good` in the other; both go to SQLite.
fn evil(deed: &str) -> Pipeline {
    let mut pipeline = Pipeline::new();
    let component = pipeline.product.test_plugins.join("evil-grants.wasm");
    pipeline.set(
        "source",
        json!({
            "type": "evil-grants",
            "plugin": component,
            "connection_string": "./evil",
            "options": {"deed": deed},
        }),
    );
    pipeline.set("mode", json!("multi"));
    pipeline.config.as_object_mut().unwrap().remove("single_schema_name");
    pipeline.set(
        "schemas",
        json!([
            {"name": "shop", "default_polling_interval": 0.2},
            {"name": "good", "default_polling_interval": 0.2},
        ]),
    );
    pipeline.set("destination.options", json!({"schema_prefix": true}));
    pipeline.set("error_handling.max_retries", json!(2));
    pipeline
}

/// What the connector says came of a deed.
fn found(log: &str, deed: &str) -> Vec<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let fields = lines.filter(|line| line["message"] == "did").map(|line| line["fields"].clone());
    let fields = fields.filter_map(|fields| fields.as_str().map(str::to_owned));
    let mark = format!("deed={deed}");
    let of_deed = fields.filter(|fields| fields.contains(&mark));
    of_deed.map(|fields| fields.split("found=").nth(1).unwrap_or_default().to_owned()).collect()
}

/// An error without the breaks and marks of its lines.
fn flat(text: &str) -> String {
    text.replace(['│', '×', '╰', '├', '─', '▶'], " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn assert_good(pipeline: &Pipeline, ended: &Ended) {
    assert_eq!(sqlite_count(&pipeline.database(), "good_t"), 3, "{}", ended.stderr);
}

#[test]
fn a_text_that_is_no_path_by_its_form_grants_none() {
    let cases = [
        ("source.connection_string", "x://me:hunter2@db.example:5432/shop"),
        ("source.connection_string", "evil://hunter2/db"),
        ("source.connection_string", "evil://hunter2.example:5432"),
        ("source.connection_string", "hunter2.example:5432"),
        ("source.connection_string", "hunter2"),
        ("source.options.slot", "hunter2"),
        ("source.options.work", "hunter2:5432"),
    ];
    for (key, text) in cases {
        for command in ["validate", "check", "run"] {
            let mut pipeline = evil("");
            pipeline.set(key, json!(text));
            let ended = pipeline.run(&[command]);
            assert_eq!(ended.status.code(), Some(2), "{command} {key} {text}: {}", ended.stderr);
            for word in [key, "wants a path there", "beside the configuration"] {
                assert!(flat(&ended.stderr).contains(word), "{text}: no {word}: {}", ended.stderr);
            }
            assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
            let left: Vec<_> = fs::read_dir(pipeline.path(".")).unwrap().flatten().collect();
            assert_eq!(left.len(), 2, "the configuration and the data: {left:?}");
        }
    }
}

#[test]
fn what_is_granted_is_shown_before_it_is_given() {
    let mut pipeline = evil("");
    pipeline.set("source.options.slot", json!("./data"));
    pipeline.set("source.connection_string", json!("evil:./evil"));
    let (evil, data, shop) = ("evil", "data", "shop.db");
    let whole = |name: &str| pipeline.path(name).display().to_string();
    let expected = [
        format!("source may read and write the file {}", whole(evil)),
        format!("source may read the directory {}", whole(data)),
        format!("destination may read and write the file {}", whole(shop)),
    ];
    let component = pipeline.product.test_plugins.join("evil-grants.wasm").display().to_string();
    for arguments in [&["validate"][..], &["check"], &["connectors", "inspect", &component]] {
        let ended = pipeline.run(&[&["--output", "human"], arguments].concat());
        assert!(ended.status.success(), "{arguments:?}: {}", ended.stderr);
        let of_both = if arguments[0] == "connectors" { 2 } else { 3 };
        for line in &expected[..of_both] {
            assert!(ended.stdout.contains(line), "{arguments:?}: no {line} in {}", ended.stdout);
        }
        assert!(ended.stdout.contains("(by `options.slot`)"), "{}", ended.stdout);
        let ended = pipeline.run(&[&["--output", "json"], arguments].concat());
        let lines = ended.stdout.lines().filter_map(|line| serde_json::from_str(line).ok());
        let written: Vec<Value> = lines.filter(|l: &Value| l["may_write"].is_string()).collect();
        assert_eq!(written[0]["may_write"], whole(evil), "{written:?}");
        assert_eq!(written[0]["suffixes"], json!(["-more", ".yaml"]), "{written:?}");
        assert_eq!(written[0]["granted_by"], "connection_string", "{written:?}");
    }
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    for word in ["granted: may read and write the file", "granted: may read the directory"] {
        assert!(ended.stderr.contains(word), "no {word} in {}", ended.stderr);
    }
}

#[test]
fn a_granted_file_is_not_the_folder_it_is_in() {
    let pipeline = evil("look-around");
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(found(&ended.stderr, "listed").first().map(String::as_str), Some("evil"));
    for deed in ["read", "saw", "wrote", "made another"] {
        let outcomes = found(&ended.stderr, deed);
        assert!(!outcomes.is_empty(), "{deed}: {}", ended.stderr);
        assert!(outcomes.iter().all(|o| o.starts_with("refused")), "{deed}: {outcomes:?}");
    }
    assert_eq!(found(&ended.stderr, "made a sibling").first().map(String::as_str), Some("worked"));
    assert!(!pipeline.path("another").exists());
    assert_good(&pipeline, &ended);
}

#[test]
fn the_locked_file_stays_the_one_that_is_locked() {
    let pipeline = evil("replace-file");
    fs::write(pipeline.path("evil"), "mine").unwrap();
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    for deed in ["removed it", "renamed it", "replaced it", "linked it"] {
        let outcomes = found(&ended.stderr, deed);
        assert!(!outcomes.is_empty(), "{deed}: {}", ended.stderr);
        assert!(outcomes.iter().all(|o| o.starts_with("refused")), "{deed}: {outcomes:?}");
    }
    assert_eq!(found(&ended.stderr, "wrote it").first().map(String::as_str), Some("worked"));
    assert_eq!(fs::read_to_string(pipeline.path("evil")).unwrap(), "mine");
    assert_good(&pipeline, &ended);
}

#[test]
fn a_folder_that_becomes_a_link_is_still_the_folder_that_was_opened() {
    let mut pipeline = evil("swap-folder");
    for directory in ["work/in", "elsewhere"] {
        fs::create_dir_all(pipeline.path(directory)).unwrap();
    }
    fs::write(pipeline.path("work/in/harmless"), "").unwrap();
    fs::write(pipeline.path("elsewhere/secret"), "").unwrap();
    symlink("../elsewhere", pipeline.path("work/link")).unwrap();
    pipeline.set("source.options.slot", json!("./work/in"));
    pipeline.set("source.options.work", json!("./work"));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(found(&ended.stderr, "swapped").first().map(String::as_str), Some("worked"));
    let secrets = found(&ended.stderr, "secret");
    assert!(secrets.len() > 1, "it was opened again: {}", ended.stderr);
    assert!(secrets.iter().all(|found| found.starts_with("refused")), "{secrets:?}");
    let harmless = found(&ended.stderr, "harmless");
    assert!(harmless.iter().all(|found| found == "worked"), "{harmless:?}");
    assert_good(&pipeline, &ended);

    // The next process finds the link.
    let ended = pipeline.catch_up();
    assert!(!ended.status.success(), "{}", ended.stderr);
    assert!(ended.stderr.contains("is a link"), "{}", ended.stderr);
    assert!(found(&ended.stderr, "secret").is_empty(), "{}", ended.stderr);
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let mut pipeline = evil("pipe");
    pipeline.set("source.options.slot", json!("./data"));
    let made = Command::new("mkfifo").arg(pipeline.path("data/pipe")).status().unwrap();
    assert!(made.success());
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let pipes = found(&ended.stderr, "pipe");
    assert!(!pipes.is_empty(), "{}", ended.stderr);
    assert!(pipes.iter().all(|found| found.starts_with("refused")), "{pipes:?}");
    assert!(ended.stderr.contains("is a pipe, a socket or a device"), "{}", ended.stderr);
    assert_good(&pipeline, &ended);
}

#[test]
fn no_grant_holds_the_configuration_its_secrets_or_the_hosts_own() {
    let bin = Pipeline::new().product.binary.parent().unwrap().to_owned();
    let state = std::env::temp_dir().join("cartridge-warp-test-state");
    let cases = [
        ("source.options.slot", json!("."), "holds the configuration"),
        ("source.options.slot", json!("/"), "holds the configuration"),
        ("source.connection_string", json!("./config.yaml"), "is the configuration"),
        ("source.connection_string", json!("./config"), "has as a sibling the configuration"),
        ("source.options.slot", json!("./keys"), "holds a secret"),
        ("source.options.work", json!("./tools"), "holds the program of a secret"),
        ("source.options.work", json!("./scripts"), "holds the program of a secret"),
        ("source.options.work", json!("./values"), "holds the program of a secret"),
        ("source.grants.directories", json!([bin]), "holds this program"),
        ("source.options.slot", json!(state), "is the host's own state"),
        ("source.options.work", json!(state.join("compiled")), "lies in the host's own state"),
        ("source.grants.directories", json!(["."]), "holds the configuration"),
    ];
    for (key, value, expected) in cases {
        let mut pipeline = evil("");
        fs::create_dir(pipeline.path("keys")).unwrap();
        fs::create_dir(pipeline.path("tools")).unwrap();
        fs::write(pipeline.path("keys/token"), "x").unwrap();
        fs::write(pipeline.path("tools/token.sh"), "echo x").unwrap();
        let program = json!({"command": ["./tools/token.sh"], "ttl": "1m"});
        // A script is an argument of the program that reads it.
        for (folder, file) in [("scripts", "token.sh"), ("values", "token.conf")] {
            fs::create_dir(pipeline.path(folder)).unwrap();
            fs::write(pipeline.path(folder).join(file), "echo x").unwrap();
        }
        let words = ["sh", "./scripts/token.sh", "--config=./values/token.conf"];
        let script = json!({"command": words, "ttl": "1m"});
        let secrets = json!({"t": {"file": "keys/token"}, "p": program, "s": script});
        pipeline.set("destination.grants", json!({"secrets": secrets}));
        pipeline.set("source.grants", json!({}));
        pipeline.set(key, value);
        let ended = pipeline.run(&["validate"]);
        assert_eq!(ended.status.code(), Some(2), "{key}: {}", ended.stderr);
        assert!(ended.stderr.contains("grant-protected"), "{key}: {}", ended.stderr);
        assert!(flat(&ended.stderr).contains(expected), "{key}: no {expected} in {}", ended.stderr);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_kernels_view_of_processes_is_no_grant() {
    for path in ["/proc", "/proc/sys", "/sys", "/proc/self/task"] {
        let mut pipeline = evil("");
        pipeline.set("source.grants", json!({"directories": [path]}));
        let ended = pipeline.run(&["check"]);
        assert!(!ended.status.success(), "{path}: {}", ended.stdout);
        assert!(ended.stderr.contains("grant-unavailable"), "{path}: {}", ended.stderr);
    }
}

#[test]
fn a_connection_string_that_changes_names_the_same_paths_or_none() {
    let faults = json!([{"call": "get-changes", "at": 0, "action": "reconnect", "times": 100_000}]);
    let mut pipeline = Pipeline::scripted(json!({"faults": faults}));
    pipeline.set("error_handling.max_retries", json!(1000));
    let (first, other) = (pipeline.database(), pipeline.path("other.db"));
    fs::write(pipeline.path("place.txt"), first.to_str().unwrap()).unwrap();
    let destination = json!({"type": "sqlite", "connection_string_file": "place.txt"});
    pipeline.set("destination", destination);
    let mut running = pipeline.start();
    // Each attempt opens both sides anew.
    running.wait_for("trying again");
    fs::write(pipeline.path("place.txt"), other.to_str().unwrap()).unwrap();
    running.wait_for("names other paths than at the start");
    let ended = running.wait(std::time::Duration::from_secs(60));
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(!other.exists());
}

#[test]
fn two_processes_exclude_each_other_whatever_their_state_directories_are() {
    let mut pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1}\n");
    let mut first = pipeline.start();
    first.wait_for("serving metrics");
    let start = std::time::Instant::now();
    while cartridge_warp_tests::rows::sqlite_count_live(&pipeline.database(), "orders") != Some(1) {
        assert!(start.elapsed().as_secs() < 60, "{}", first.stderr());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    pipeline.set("state_dir", json!("./other-state"));
    pipeline.set("error_handling.max_retries", json!(0));
    let second = pipeline.catch_up();
    assert!(!second.status.success(), "{}", second.stderr);
    assert!(second.stderr.contains("another cartridge-warp process"), "{}", second.stderr);
    first.kill();
    let mode = fs::metadata(pipeline.database()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(!pipeline.path(".shop.db.cartridge-warp").exists());
}

#[test]
fn a_link_in_place_of_the_database_is_not_followed_and_nothing_is_made_behind_it() {
    let pipeline = evil("");
    symlink(pipeline.path("outside"), pipeline.path("evil")).unwrap();
    let ended = pipeline.catch_up();
    assert!(!ended.status.success(), "{}", ended.stderr);
    assert!(ended.stderr.contains("is a link"), "{}", ended.stderr);
    assert!(!pipeline.path("outside").exists());
}

#[test]
fn files_that_one_connector_keeps_open_leave_enough_for_the_host() {
    let mut pipeline = evil("hoard");
    pipeline.set("source.options.work", json!("./work"));
    let command = pipeline.command(&["run"]);
    // The same command, with few descriptors.
    let mut few = Command::new("sh");
    few.args(["-c", "ulimit -n 1024; exec \"$0\" \"$@\""]).arg(command.get_program());
    few.args(command.get_args());
    for (name, value) in command.get_envs() {
        few.env(name, value.unwrap_or_default());
    }
    let mut running = Running::start(few);
    running.wait_for("hoarded");
    assert!(running.get("/metrics").contains("cartridge_warp"), "{}", running.stderr());
    let hoarded: usize = found(&running.stderr(), "hoarded")[0].parse().unwrap();
    assert!((100..512).contains(&hoarded), "{hoarded}");
    assert!(running.stderr().contains("source.limits.descriptors"), "{}", running.stderr());
    // The connector keeps its files before the other schema is done: that one has to come through them.
    wait_until("the other schema's rows", || {
        sqlite_count_live(&pipeline.database(), "good_t") == Some(3)
    });
    running.signal(15);
    let ended = running.wait(std::time::Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
}

#[test]
fn files_grow_as_far_as_is_allowed() {
    for (deed, passes) in [("fill", false), ("churn", true)] {
        let mut pipeline = evil(deed);
        pipeline.set("source.options.work", json!("./work"));
        pipeline.set("source.limits", json!({"written_bytes": "1MiB"}));
        pipeline.set("error_handling.max_retries", json!(0));
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.success(), passes, "{deed}: {}", ended.stderr);
        let named = ended.stderr.contains("source.limits.written_bytes");
        assert_eq!(named, !passes, "{deed}: {}", ended.stderr);
        let size = fs::metadata(pipeline.path("work/filler")).unwrap().len();
        assert!(size <= 1 << 20, "{deed}: {size}");
        assert_good(&pipeline, &ended);
    }
}

#[test]
fn what_the_host_makes_is_its_users_own() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("new.yaml");
    let product = cartridge_warp_tests::Product::find();
    let ended = product.run(&["init", file.to_str().unwrap()]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);

    let mut pipeline = evil("");
    pipeline.set("source.options.work", json!("./new/work"));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    for made in ["new", "new/work"] {
        let mode = fs::metadata(pipeline.path(made)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{made}");
    }
    assert!(!pipeline.path("evil").exists(), "a file that stayed empty goes again");
}
