//! Keys of the configuration do what they say.

use std::fs;

use cartridge_warp_tests::{
    Pipeline, Running,
    rows::{Row, sqlite_count_live, sqlite_query, sqlite_rows},
};
use serde_json::{Value, json};

fn orders(table: Value) -> Pipeline {
    let mut pipeline = Pipeline::new();
    pipeline.write(
        "orders.ndjson",
        "{\"id\":1,\"email\":\"a@example.com\",\"total\":5}\n{\"id\":2,\"email\":null,\"total\":7}\n",
    );
    let mut listed = table;
    listed["name"] = json!("orders");
    pipeline.set("schemas.0.tables", json!([listed]));
    pipeline
}

fn rows(pipeline: &Pipeline) -> Vec<Row> {
    sqlite_rows(&pipeline.database(), "orders", "id")
}

fn columns(row: &Row) -> Vec<&str> {
    row.keys().map(String::as_str).collect()
}

fn tables(pipeline: &Pipeline) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let names = sqlite_query(&pipeline.database(), sql);
    let names = names.iter().filter_map(|row| row["name"].as_str().map(str::to_owned));
    names.filter(|name| !name.contains("metadata")).collect()
}

#[test]
fn columns_are_left_out_masked_and_renamed() {
    let cases = [
        ("exclude", json!({"exclude": ["email"]}), vec!["id", "total"]),
        ("include keeps the key", json!({"include": ["total"]}), vec!["id", "total"]),
        ("rename", json!({"rename": {"total": "sum"}}), vec!["email", "id", "sum"]),
        ("mask", json!({"mask": ["email"]}), vec!["email", "id", "total"]),
        ("hash", json!({"mask": {"email": "hash-unkeyed"}}), vec!["email", "id", "total"]),
    ];
    for (name, rules, expected) in cases {
        let pipeline = orders(json!({ "columns": rules }));
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        let rows = rows(&pipeline);
        assert_eq!(columns(&rows[0]), expected, "{name}");
        let email = rows[0].get("email").cloned();
        match name {
            "mask" => assert_eq!(email, Some(Value::Null)),
            "hash" => {
                let text = email.unwrap();
                assert_eq!(text.as_str().unwrap().len(), 64, "{text} is a SHA-256");
                assert_eq!(rows[1]["email"], Value::Null, "nothing stays nothing");
            }
            "rename" => assert_eq!(rows[0]["sum"], 5),
            _ => {}
        }
    }
}

#[test]
fn deleted_rows_go_or_stay_marked() {
    let soft = json!({
        "deletion_strategy": "soft", "soft_delete_column": "gone", "deleted_at_column": "gone_at",
    });
    let hard = json!({"deletion_strategy": "hard"});
    for (strategy, table, expected) in [("hard", hard, 1), ("soft", soft, 2)] {
        let pipeline = orders(table);
        assert!(pipeline.catch_up().status.success());
        pipeline.append("orders.ndjson", "{\"_op\":\"delete\",\"id\":1}\n");
        assert!(pipeline.catch_up().status.success());
        let rows = rows(&pipeline);
        assert_eq!(rows.len(), expected, "{strategy}");
        if strategy == "soft" {
            assert_eq!((&rows[0]["gone"], &rows[1]["gone"]), (&json!(1), &json!(0)));
            assert!(rows[0]["gone_at"].is_string() && rows[1]["gone_at"].is_null(), "{rows:?}");
            assert!(!rows[0].contains_key("deleted_at"), "{rows:?}");
        }
    }
}

#[test]
fn table_lists_select_tables() {
    let cases = [
        ("a blacklist", "schemas.0.table_blacklist", json!(["tmp_*"]), vec!["orders"]),
        ("a whitelist", "schemas.0.table_whitelist", json!("tmp_a"), vec!["tmp_a"]),
        ("a global blacklist", "global_table_blacklist", json!(["orders"]), vec!["tmp_a"]),
        ("a global whitelist", "global_table_whitelist", json!(["ord*"]), vec!["orders"]),
    ];
    for (name, key, value, expected) in cases {
        let mut pipeline = orders(json!({}));
        pipeline.set("schemas.0.tables", json!([]));
        pipeline.write("tmp_a.ndjson", "{\"id\":1}\n");
        pipeline.set(key, value);
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert_eq!(tables(&pipeline), expected, "{name}");
    }
}

#[test]
fn new_columns_follow_the_evolution_rules() {
    let cases = [
        ("they are added", json!({}), json!({}), 0, true),
        ("strict stops", json!({"strategy": "strict"}), json!({}), 1, false),
        ("switched off stops", json!({"enabled": false}), json!({}), 1, false),
        ("a table may opt out", json!({}), json!({"enable_schema_evolution": false}), 1, false),
        ("excluded ones stay behind", json!({"excluded_columns": ["note"]}), json!({}), 0, false),
    ];
    let of_orders = |rules: Value| json!({"table_configs": {"orders": rules}});
    let of_tables = [
        ("a table leaves them out", of_orders(json!({"allow_column_additions": false})), 0, false),
        ("it leaves some out", of_orders(json!({"excluded_columns": ["no*"]})), 0, false),
        ("it does not follow", of_orders(json!({"enabled": false})), 1, false),
        ("it asks first", of_orders(json!({"require_approval": true})), 1, false),
        ("it is strict", of_orders(json!({"strategy": "strict"})), 1, false),
        (
            "it is not strict, unlike others",
            json!({"strategy": "strict", "table_configs": {"shop.orders": {"strategy": "conservative"}}}),
            0,
            true,
        ),
        (
            "the schema's own entry counts",
            json!({"table_configs": {"shop.orders": {}, "orders": {"enabled": false}}}),
            0,
            true,
        ),
    ];
    let of_tables =
        of_tables.map(|(name, rules, exit, added)| (name, rules, json!({}), exit, added));
    for (name, rules, table, exit, added) in cases.into_iter().chain(of_tables) {
        let mut pipeline = orders(table);
        pipeline.set("schema_evolution", rules);
        assert!(pipeline.catch_up().status.success(), "{name}");
        pipeline.append("orders.ndjson", "{\"id\":3,\"total\":1,\"note\":\"new\"}\n");
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(exit), "{name}: {}", ended.stderr);
        let rows = rows(&pipeline);
        assert_eq!(rows[0].contains_key("note"), added, "{name}");
        assert_eq!(rows.len(), if exit == 0 { 3 } else { 2 }, "{name}: nothing is half done");
    }
}

#[test]
fn a_type_that_changed_between_two_runs_stops_instead_of_bending() {
    let pipeline = orders(json!({}));
    assert!(pipeline.catch_up().status.success());
    pipeline.append("orders.ndjson", "{\"id\":3,\"total\":\"many\"}\n");
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("modify_column `total` to text waits for a person"),
        "{}",
        ended.stderr
    );
    assert_eq!(rows(&pipeline).len(), 2);
}

#[test]
fn conversion_errors_are_dead_letters_unless_they_must_stop() {
    for (ignore, exit) in [(true, 4), (false, 1)] {
        let mut pipeline = orders(json!({}));
        // Declared, since the sample of so small a file would have the new row in it.
        pipeline.set("source.options", json!({"columns": {"orders": {"total": "bigint"}}}));
        pipeline.set("error_handling.ignore_type_conversion_errors", json!(ignore));
        pipeline.set("error_handling.log_conversion_warnings", json!(false));
        assert!(pipeline.catch_up().status.success());
        pipeline.append("orders.ndjson", "{\"id\":3,\"total\":\"many\"}\n");
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(exit), "{}", ended.stderr);
        assert!(!ended.stderr.contains("rows go to the dead letters"), "{}", ended.stderr);
    }
}

#[test]
fn masked_columns_do_not_leak_through_dead_letters() {
    let mut pipeline = orders(json!({"columns": {"mask": ["email"]}}));
    pipeline.set("source.options", json!({"columns": {"orders": {"total": "bigint"}}}));
    pipeline.set("error_handling.log_conversion_warnings", json!(true));
    assert!(pipeline.catch_up().status.success());
    let secret = "{\"id\":3,\"email\":\"secret@example.com\",\"total\":\"many\"}\n";
    pipeline.append("orders.ndjson", secret);
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    assert!(ended.stderr.contains("rows go to the dead letters"), "{}", ended.stderr);
    let sql = "SELECT * FROM cartridge_warp_metadata_dead_letter_queue";
    let letters = format!("{:?}", sqlite_query(&pipeline.database(), sql));
    assert!(letters.contains("many") && !letters.contains("secret"), "{letters}");
}

#[test]
fn in_multi_mode_a_failed_schema_leaves_the_others_alone_and_shows() {
    let mut pipeline = orders(json!({}));
    fs::create_dir_all(pipeline.path("data/broken")).unwrap();
    pipeline.set("mode", json!("multi"));
    let list = json!([{"name": "shop", "default_polling_interval": 0.1}, {"name": "broken"}]);
    pipeline.set("schemas", list);
    pipeline.set("monitoring.prometheus.path", json!("/numbers"));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    running.wait_for("schema failed");
    let health = running.get("/health");
    assert!(health.starts_with("HTTP/1.1 503") && health.contains("broken"), "{health}");
    let numbers = running.get("/numbers");
    let status = |schema: &str, value: &str| {
        numbers.lines().any(|line| {
            line.starts_with("cartridge_warp_sync_status")
                && line.contains(&format!("schema=\"{schema}\""))
                && line.ends_with(value)
        })
    };
    assert!(status("broken", " -1") && status("shop", " 1"), "{numbers}");
    assert!(numbers.contains("cartridge_warp_records_processed_total"), "{numbers}");
    running.signal(15);
    let ended = running.wait(std::time::Duration::from_secs(20));
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert_eq!(rows(&pipeline).len(), 2);
}

#[test]
fn batch_mode_ends_by_itself_and_monitoring_can_be_off() {
    let mut pipeline = orders(json!({}));
    pipeline.set("schemas.0.mode", json!("batch"));
    pipeline.set("monitoring", json!({"prometheus": {"enabled": false}, "log_level": "ERROR"}));
    let ended = pipeline.run(&["run"]);
    assert!(ended.status.success() && ended.stderr.is_empty(), "{}", ended.stderr);
    assert_eq!(rows(&pipeline).len(), 2);
}

#[test]
fn the_environment_and_flags_win_over_the_file() {
    let pipeline = orders(json!({}));
    let mut command = pipeline.command(&["validate"]);
    command.env("CARTRIDGE_WARP_SCHEMAS__0__DEFAULT_BATCH_SIZE", "77");
    command.args(["--set", "error_handling.max_retries=9"]);
    let ended = Running::start(command).wait(std::time::Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    let line = |start: &str| ended.stdout.lines().find(|line| line.starts_with(start)).unwrap();
    let batch = line("schemas.0.default_batch_size = 77");
    assert!(batch.contains("CARTRIDGE_WARP_SCHEMAS__0__DEFAULT_BATCH_SIZE"), "{batch}");
    assert!(line("error_handling.max_retries = 9").contains("--set"), "{}", ended.stdout);
}

#[test]
fn the_metadata_and_the_connection_are_where_the_keys_say() {
    let mut pipeline = orders(json!({}));
    fs::write(pipeline.path("secret.txt"), "other.db\n").unwrap();
    let path = pipeline.path("other.db");
    fs::write(pipeline.path("secret.txt"), path.to_str().unwrap()).unwrap();
    pipeline.set(
        "destination",
        json!({"type": "sqlite", "connection_string_file": "secret.txt", "metadata_schema": "warp"}),
    );
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let markers = sqlite_query(&path, "SELECT * FROM warp_sync_markers");
    assert!(!markers.is_empty() && !pipeline.database().exists());
}

#[test]
fn two_processes_do_not_write_one_database() {
    let mut pipeline = orders(json!({}));
    let mut first = pipeline.start();
    first.wait_for("following changes");
    pipeline.set("error_handling.max_retries", json!(0));
    let second = pipeline.catch_up();
    assert_eq!(second.status.code(), Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("another cartridge-warp process"), "{}", second.stderr);
    first.signal(2);
    assert!(first.wait(std::time::Duration::from_secs(20)).status.success());
    assert!(pipeline.catch_up().status.success());
}

#[test]
fn a_schedule_runs_the_batch_again() {
    let mut pipeline = orders(json!({}));
    pipeline.set("schemas.0.mode", json!("batch"));
    pipeline.set("schemas.0.schedule", json!("* * * * * *"));
    let mut running = pipeline.start();
    running.wait_for("waiting for the schedule");
    pipeline.append("orders.ndjson", "{\"id\":3,\"total\":1}\n");
    let start = std::time::Instant::now();
    while sqlite_count_live(&pipeline.database(), "orders") != Some(3) {
        assert!(start.elapsed().as_secs() < 60, "no second run: {}", running.stderr());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    running.signal(15);
    let ended = running.wait(std::time::Duration::from_secs(20));
    assert!(ended.status.success(), "{}", ended.stderr);
}

#[test]
fn single_mode_moves_the_schema_that_is_named() {
    let mut pipeline = orders(json!({}));
    fs::create_dir_all(pipeline.path("data/crm")).unwrap();
    fs::write(pipeline.path("data/crm/people.ndjson"), "{\"id\":1}\n").unwrap();
    pipeline.set("schemas", json!([{"name": "shop"}, {"name": "crm"}]));
    pipeline.set("single_schema_name", json!("crm"));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(tables(&pipeline), ["people"]);
    let ended = pipeline.run(&["run", "--until-caught-up", "--schema", "shop"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(tables(&pipeline), ["orders", "people"], "the flag wins");
}

#[test]
fn logs_are_json_or_for_people_and_as_loud_as_asked() {
    for (structured, level, lines) in
        [(true, "INFO", true), (false, "INFO", true), (true, "ERROR", false)]
    {
        let mut pipeline = orders(json!({}));
        pipeline.set("monitoring.structured_logging", json!(structured));
        pipeline.set("monitoring.log_level", json!(level));
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{}", ended.stderr);
        assert_eq!(!ended.stderr.is_empty(), lines, "{level}: {}", ended.stderr);
        for line in ended.stderr.lines() {
            let json = serde_json::from_str::<Value>(line);
            assert_eq!(json.is_ok(), structured, "{line}");
            let of_schema = json.ok().filter(|json| json["schema"].is_string());
            assert!(of_schema.is_none_or(|json| json["run"].is_string()), "{line}");
        }
    }
}

#[test]
fn the_state_directory_keeps_the_compiled_components() {
    let mut pipeline = orders(json!({}));
    pipeline.set("state_dir", json!("state/of/mine"));
    assert!(pipeline.catch_up().status.success());
    let mut files = 0;
    let mut directories = vec![pipeline.path("state/of/mine")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => directories.push(entry.path()),
                false => files += 1,
            }
        }
    }
    assert!(files >= 2, "one for each component, {files} found");
}

#[test]
fn a_time_zone_that_the_connector_cannot_read_in_is_refused() {
    let mut pipeline = orders(json!({}));
    pipeline.set("source.timezone", json!("UTC"));
    assert!(pipeline.catch_up().status.success());
    pipeline.set("source.timezone", json!("Europe/Berlin"));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("timezone"), "{}", ended.stderr);
}

#[test]
fn plugins_are_found_where_the_flag_the_variable_or_the_binary_says() {
    let pipeline = orders(json!({}));
    let product = &pipeline.product;
    let empty = pipeline.path("empty");
    fs::create_dir(&empty).unwrap();
    // One of them: whatever is listed is compiled.
    let one = pipeline.path("one");
    fs::create_dir(&one).unwrap();
    let name = "sqlite-destination.wasm";
    fs::copy(product.plugins.join(name), one.join(name)).unwrap();
    let home = pipeline.path("home");
    let of_home = home.join(".local/share/cartridge-warp/plugins");
    fs::create_dir_all(of_home.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&one, &of_home).unwrap();
    let beside = pipeline.path("bin");
    fs::create_dir(&beside).unwrap();
    fs::copy(&product.binary, beside.join("cartridge-warp")).unwrap();
    let list = |binary: &std::path::Path,
                variable: Option<&std::path::Path>,
                home: &std::path::Path,
                flag: Option<&std::path::Path>| {
        let mut command = std::process::Command::new(binary);
        command
            .env_remove("CARTRIDGE_WARP_PLUGIN_DIR")
            .env("HOME", home)
            .env_remove("XDG_DATA_HOME");
        command.args(["connectors", "list"]);
        if let Some(variable) = variable {
            command.env("CARTRIDGE_WARP_PLUGIN_DIR", variable);
        }
        if let Some(flag) = flag {
            command.arg("--plugin-dir").arg(flag);
        }
        let ended = Running::start(command).wait(std::time::Duration::from_secs(60));
        ended.stdout.contains("sqlite")
    };
    let copied = beside.join("cartridge-warp");
    let plugins = Some(one.as_path());
    assert!(list(&copied, Some(&empty), &empty, plugins), "the flag comes first");
    assert!(!list(&copied, plugins, &home, Some(&empty)), "and hides the others");
    assert!(list(&copied, plugins, &empty, None), "then the variable");
    assert!(!list(&copied, None, &empty, None), "nothing anywhere");
    assert!(list(&copied, None, &home, None), "the home directory comes last");
    std::os::unix::fs::symlink(&empty, beside.join("plugins")).unwrap();
    assert!(!list(&copied, None, &home, None), "beside the binary comes before it");
}

#[test]
fn monitoring_listens_where_the_key_says() {
    for (host, shown) in [("127.0.0.2", "127.0.0.2:"), ("[::1]", "[::1]:"), ("::1", "[::1]:")] {
        let mut pipeline = orders(json!({}));
        pipeline.set("monitoring.prometheus.host", json!(host));
        let mut running = pipeline.start();
        running.wait_for("following changes");
        let address = running.monitoring_address();
        assert!(address.starts_with(shown), "{address}");
        assert!(running.get("/ready").starts_with("HTTP/1.1 200"));
        running.signal(15);
        assert!(running.wait(std::time::Duration::from_secs(20)).status.success());
    }
}
