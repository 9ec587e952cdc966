//! Every bad input gets a clear error, an exit code that is not 0, and loses nothing.

use std::{fs, net::TcpListener};

use cartridge_warp_tests::{Ended, Pipeline, Product, Shop, rows::sqlite_count};
use serde_json::json;

/// A case: what is wrong, how it is made wrong, and what the error must say.
struct Case {
    name: &'static str,
    spoil: fn(&mut Pipeline),
    exit: i32,
    says: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "an unknown key names the nearest one",
        spoil: |pipeline| pipeline.set("schemas.0.default_batch_sise", json!(1)),
        exit: 2,
        says: &["config.yaml:", "default_batch_sise", "default_batch_size"],
    },
    Case {
        name: "a value of the wrong type",
        spoil: |pipeline| pipeline.set("dry_run", json!("maybe")),
        exit: 2,
        says: &["config.yaml:", "dry_run"],
    },
    Case {
        name: "a negative batch size",
        spoil: |pipeline| pipeline.set("schemas.0.default_batch_size", json!(-5)),
        exit: 2,
        says: &["config.yaml:", "default_batch_size"],
    },
    Case {
        name: "an unknown connector lists the available ones",
        spoil: |pipeline| pipeline.set("source.type", json!("fils")),
        exit: 2,
        says: &["fils", "files", "plugin-unknown"],
    },
    Case {
        name: "an option that the connector does not have",
        spoil: |pipeline| pipeline.set("source.options", json!({"sample_row": 5})),
        exit: 2,
        says: &["source.options", "sample_row"],
    },
    Case {
        name: "a corrupt component",
        spoil: |pipeline| component(pipeline, b"\0asm\x0d\0\x01\0 and then nonsense"),
        exit: 2,
        says: &["bad.wasm", "plugin-corrupt"],
    },
    Case {
        name: "a core module instead of a component",
        spoil: |pipeline| component(pipeline, b"\0asm\x01\0\0\0"),
        exit: 2,
        says: &["bad.wasm", "plugin-core-module", "wasm32-wasip2"],
    },
    Case {
        name: "a component that is not the pinned one",
        spoil: |pipeline| pipeline.set("source.sha256", json!("0".repeat(64))),
        exit: 2,
        says: &["plugin-digest", "0000000000"],
    },
    Case {
        name: "a source directory that is not there",
        spoil: |pipeline| pipeline.set("source.connection_string", json!("./nowhere")),
        exit: 1,
        says: &["nowhere"],
    },
    Case {
        name: "a data file that is a directory in disguise",
        spoil: |pipeline| fs::create_dir(pipeline.path("data/shop/orders.ndjson")).unwrap(),
        exit: 1,
        says: &["no table"],
    },
    Case {
        name: "a data file that may not be read",
        spoil: |pipeline| {
            // A link out of the granted directory: refused to everybody, to root as well.
            let path = pipeline.path("data/shop/orders.ndjson");
            std::os::unix::fs::symlink("/etc/hostname", path).unwrap();
        },
        exit: 1,
        says: &["orders.ndjson"],
    },
    Case {
        name: "a data file that is none",
        spoil: |pipeline| pipeline.write("orders.parquet", "PAR1 and then nonsense"),
        exit: 1,
        says: &["orders.parquet"],
    },
    Case {
        name: "a table list that names no table",
        spoil: |pipeline| {
            pipeline.write("orders.ndjson", "{\"id\":1}\n");
            pipeline.set("schemas.0.tables", json!([{"name": "odrers"}]));
        },
        exit: 1,
        says: &["odrers", "orders"],
    },
    Case {
        name: "a table without a key",
        spoil: |pipeline| pipeline.write("clicks.ndjson", "{\"page\":1}\n"),
        exit: 1,
        says: &["clicks", "key", "write_mode: append"],
    },
    Case {
        name: "a strategy that the source does not have",
        spoil: |pipeline| {
            pipeline.set("source.change_detection_strategy", json!("timestamp"));
        },
        exit: 2,
        says: &["timestamp", "change_detection_strategy", "log"],
    },
    Case {
        name: "a masked column that does not exist",
        spoil: |pipeline| {
            pipeline.write("orders.ndjson", "{\"id\":1,\"email\":\"a@b\"}\n");
            let columns = json!({"mask": ["emial"]});
            pipeline.set("schemas.0.tables", json!([{"name": "orders", "columns": columns}]));
        },
        exit: 1,
        says: &["columns.mask", "emial", "email"],
    },
    Case {
        name: "a malformed row when dead letters are off",
        spoil: |pipeline| {
            pipeline.write("orders.ndjson", "{\"id\":1}\n{\"id\":\n{\"id\":2}\n");
            pipeline.set("error_handling.dead_letter_queue", json!(false));
        },
        exit: 1,
        says: &["orders.ndjson:2", "dead_letter_queue"],
    },
    Case {
        name: "a key that this release does not implement",
        spoil: |pipeline| {
            pipeline.set("schemas.0.tables", json!([{"name": "orders", "mode": "batch"}]));
        },
        exit: 2,
        says: &["mode", "not supported yet"],
    },
];

/// A component of these bytes that the configuration names.
fn component(pipeline: &mut Pipeline, bytes: &[u8]) {
    let path = pipeline.path("bad.wasm");
    fs::write(&path, bytes).unwrap();
    pipeline.set("source.plugin", json!(path));
}

/// The error without line breaks and frames of the report, for looking up words.
fn words(ended: &Ended) -> String {
    let bare = ended.stderr.replace(['│', '╰', '╭', '─', '▶', '×'], " ");
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn bad_input_is_refused_with_words_that_help() {
    for Case { name, spoil, exit, says } in CASES {
        let mut pipeline = Pipeline::new();
        spoil(&mut pipeline);
        let ended = pipeline.run(&["run", "--until-caught-up", "--output", "human"]);
        assert_eq!(ended.status.code(), Some(*exit), "{name}: {}", ended.stderr);
        let words = words(&ended);
        let joined = words.replace(' ', "");
        for word in *says {
            // A report breaks lines anywhere, so spaces do not count.
            assert!(joined.contains(&word.replace(' ', "")), "{name}: no {word:?} in {words}");
        }
        assert!(!words.contains("panicked"), "{name}: {words}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_says_why() {
    let pipeline = Pipeline::new();
    let missing = pipeline.product.run(&["run", "-c", "/nowhere/at-all.yaml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(words(&missing).contains("at-all.yaml"), "{}", missing.stderr);

    let path = pipeline.path("broken.yaml");
    fs::write(&path, "source: [unclosed\nmode: {").unwrap();
    let broken = pipeline.product.run(&["validate", "-c", path.to_str().unwrap()]);
    assert_eq!(broken.status.code(), Some(2));
    assert!(words(&broken).contains("broken.yaml"), "{}", broken.stderr);
}

#[test]
fn a_port_in_use_is_an_error_of_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut pipeline = Pipeline::new();
    let port = taken.local_addr().unwrap().port();
    pipeline.set("monitoring.prometheus.port", json!(port));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    let words = words(&ended);
    assert!(words.contains("port-in-use") && words.contains(&port.to_string()), "{words}");
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_and_not_waited_for() {
    for key in ["source.plugin", "source.connection_string_file"] {
        let mut pipeline = Pipeline::new();
        let pipe = pipeline.path("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        pipeline.set(key, json!(pipe));
        if key.ends_with("_file") {
            pipeline.set("source.connection_string", json!(null));
        }
        let command = pipeline.command(&["validate"]);
        let ended =
            cartridge_warp_tests::Running::start(command).wait(std::time::Duration::from_secs(60));
        assert_eq!(ended.status.code(), Some(2), "{key}: {}", ended.stderr);
        assert!(words(&ended).contains("is no regular file"), "{key}: {}", ended.stderr);
    }
}

#[test]
fn malformed_rows_are_dead_letters_and_the_exit_code_says_so() {
    let mut pipeline = Pipeline::new();
    pipeline.set("source.options", json!({"columns": {"orders": {"id": "bigint"}}}));
    pipeline.write("orders.ndjson", "{\"id\":1}\nnot json\n{\"id\":2}\n{\"id\":\"three\"}\n");
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    assert_eq!(sqlite_count(&pipeline.database(), "orders"), 2);
    let letters = cartridge_warp_tests::rows::sqlite_query(
        &pipeline.database(),
        "SELECT * FROM cartridge_warp_metadata_dead_letter_queue ORDER BY 1",
    );
    assert_eq!(letters.len(), 2, "{letters:?}");
    let text = format!("{letters:?}");
    assert!(text.contains("not json") && text.contains("three"), "nothing is lost: {text}");
    assert!(text.contains("orders.ndjson:2") && text.contains("orders.ndjson:4"), "{text}");
}

#[test]
fn a_full_disk_fails_visibly_and_the_next_run_goes_on() {
    let mut pipeline = Pipeline::new();
    let mut shop = Shop::new(9);
    pipeline.set("schemas.0.tables", json!([{"name": "events", "write_mode": "append"}]));
    pipeline.set("error_handling.max_retries", json!(1));
    shop.open(&pipeline, 250_000, 10, 10);
    // Compiles the connectors, whose cache the limit would keep from being written.
    assert!(pipeline.run(&["check"]).status.success());
    let mut command = pipeline.command(&["run", "--until-caught-up"]);
    // A limit on the size of files is a full disk that needs no file system of its own. It leaves
    // room for the memory files in which the runtime keeps a component's data.
    limit_file_size(&mut command, 4 * 1024 * 1024);
    let ended =
        cartridge_warp_tests::Running::start(command).wait(std::time::Duration::from_secs(60));
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let words = words(&ended);
    assert!(words.contains("sqlite") && words.contains("disk"), "{words}");

    let again = pipeline.catch_up();
    assert!(again.status.success(), "{}", again.stderr);
    assert_eq!(shop.difference(&pipeline), None);
}

/// Runs the command under a shell that limits the size of any file it writes.
fn limit_file_size(command: &mut std::process::Command, bytes: u64) {
    let mut shell = std::process::Command::new("sh");
    // SIGXFSZ is ignored, so that the write fails with an error as it does on a full disk.
    shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", bytes / 512));
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    *command = shell;
}

#[test]
fn codes_of_errors_are_explained() {
    let product = Product::find();
    for code in ["fenced", "config::unknown-key", "unknown-key"] {
        let ended = product.run(&["explain", code]);
        assert!(ended.status.success(), "{}", ended.stderr);
        assert!(ended.stdout.contains("## What to do"), "{code}: {}", ended.stdout);
    }
    let ended = product.run(&["--output", "json", "explain", "quota"]);
    let answer: serde_json::Value = serde_json::from_str(ended.stdout.trim()).unwrap();
    assert!(answer["page"].as_str().unwrap().contains("schemas[].limits"), "{answer}");
    let ended = product.run(&["explain", "fencd"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("did you mean `fenced`"), "{}", ended.stderr);
}
