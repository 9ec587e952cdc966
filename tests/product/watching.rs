//! What `examples/monitoring` asks, asked of a real Prometheus that watches real pipelines.

#![allow(clippy::expect_used)] // Helpers of tests are tests, too.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use cartridge_warp_test_keeper::free_port;
use cartridge_warp_test_mongodb::{Server, Settings, bson::doc};
use cartridge_warp_tests::{Databases, Pipeline, Running, wait_until};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A Prometheus with the example's configuration; killed when dropped.
struct Prometheus {
    child: Child,
    url: String,
    _directory: TempDir,
}

impl Prometheus {
    fn watch(pipelines: &[&Running]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let targets: Vec<String> = pipelines
            .iter()
            .map(|running| format!("\"{}\"", running.monitoring_address()))
            .collect();
        let config = fs::read_to_string(example("prometheus.yaml")).unwrap();
        let config = config.replace("\"127.0.0.1:8080\"", &targets.join(", ")).replace("15s", "1s");
        assert!(targets.iter().all(|target| config.contains(target)), "{config}");
        fs::copy(example("alerts.yaml"), directory.path().join("alerts.yaml")).unwrap();
        let file = directory.path().join("prometheus.yaml");
        fs::write(&file, config).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed: scripts/setup.sh tests");
        Self { child, url: format!("http://{address}"), _directory: directory }
    }

    /// The series of an answer; none, too, while it cannot be asked yet.
    fn answer(&self, query: &str) -> String {
        let asked = Command::new("promtool").args(["query", "instant", &self.url, query]).output();
        String::from_utf8(asked.unwrap().stdout).unwrap()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn example(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/monitoring").join(file)
}

fn promtool(what: &str, file: &str) {
    let output = Command::new("promtool").args([what, "rules"]).arg(example(file)).output();
    let output = output.expect("promtool is installed: scripts/setup.sh tests");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// What the dashboard asks, with all that its variables stand for.
fn of_the_dashboard() -> Vec<String> {
    let text = fs::read_to_string(example("grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let mut queries: Vec<String> =
        targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let lists = variables.filter_map(|variable| variable["query"]["query"].as_str());
    queries.extend(lists.map(|list| {
        let asked = list.strip_prefix("label_values(").and_then(|list| list.strip_suffix(')'));
        let (series, label) = asked.unwrap().rsplit_once(", ").unwrap();
        format!("group by ({label}) ({series})")
    }));
    let plain = |query: &String| {
        let query = query.replace("$__rate_interval", "10s");
        query.replace("$pipeline", ".*").replace("$schema", ".*")
    };
    queries.iter().map(plain).collect()
}

/// What the alerts ask, answered also while nothing is wrong.
fn of_the_alerts() -> Vec<String> {
    let text = fs::read_to_string(example("alerts.yaml")).unwrap();
    let queries = text.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let always = |query: &str| {
        [" == ", " > ", " < "].iter().fold(query.to_owned(), |query, compared| {
            query.replace(compared, &format!("{compared}bool "))
        })
    };
    queries.map(always).collect()
}

/// A pipeline from a server that says how much log may still be written.
fn from_postgresql() -> (Databases, Pipeline, Running) {
    let databases = Databases::start_with(&[("max_slot_wal_keep_size", "1GB")]);
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY, price int);
         INSERT INTO orders SELECT n, n FROM generate_series(1, 1000) n; ANALYZE orders;
         INSERT INTO orders VALUES (0, NULL)",
    );
    // A row is refused here.
    databases.at_destination("CREATE TABLE orders (id int PRIMARY KEY, price int NOT NULL)");
    let pipeline = databases.pipeline();
    let mut running = pipeline.start();
    running.wait_for("following changes");
    (databases, pipeline, running)
}

fn from_mongodb() -> (Server, Pipeline, Running) {
    let server = Server::start(Settings::default());
    server.insert("shop", "orders", &[doc! {"_id": 1}]);
    let mut pipeline = Pipeline::new();
    pipeline.set("source", json!({"type": "mongodb", "connection_string": server.url("")}));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    (server, pipeline, running)
}

#[test]
fn alerts_fire_for_what_they_name_and_for_nothing_else() {
    promtool("check", "alerts.yaml");
    promtool("test", "alerts.test.yaml");
    let tested = fs::read_to_string(example("alerts.test.yaml")).unwrap();
    let rules = fs::read_to_string(example("alerts.yaml")).unwrap();
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tested.contains(&format!("alertname=\"{alert}\"")), "{alert} is not tested");
    }
}

#[test]
fn each_query_of_the_alerts_and_the_dashboard_has_an_answer() {
    let (_databases, _postgresql, from_postgresql) = from_postgresql();
    let (_server, _mongodb, from_mongodb) = from_mongodb();
    let prometheus = Prometheus::watch(&[&from_postgresql, &from_mongodb]);
    let mut silent: Vec<String> = of_the_dashboard().into_iter().chain(of_the_alerts()).collect();
    assert!(silent.len() > 30, "{silent:?}");
    wait_until("each query has an answer", || {
        let before = silent.len();
        silent.retain(|query| prometheus.answer(query).trim().is_empty());
        if silent.len() < before {
            eprintln!("no answer yet to {silent:#?}");
        }
        silent.is_empty()
    });
}
