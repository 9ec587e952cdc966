//! A pipeline in a temporary directory: source files, a configuration, a destination.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Ended, Product, Running};

/// How long a run that catches up may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Files to SQLite by default; every key can be changed.
pub struct Pipeline {
    pub product: Product,
    directory: TempDir,
    /// The configuration, written before each start.
    pub config: Value,
}

impl Pipeline {
    /// An empty schema `shop` and its configuration.
    pub fn new() -> Self {
        let directory = TempDir::with_prefix("cartridge-warp-").expect("a temporary directory");
        fs::create_dir_all(directory.path().join("data/shop")).expect("it can be written to");
        let config = json!({
            "mode": "single",
            "single_schema_name": "shop",
            "source": {"type": "files", "connection_string": "./data"},
            "destination": {"type": "sqlite", "connection_string": "./shop.db"},
            "schemas": [{"name": "shop", "default_polling_interval": 0.2}],
            "monitoring": {"prometheus": {"port": 0}},
            "error_handling": {"max_backoff_seconds": 0.2},
            "state_dir": state_dir(),
        });
        Self { product: Product::find(), directory, config }
    }

    /// The mock source with these options instead of files; its history goes to SQLite.
    pub fn scripted(options: Value) -> Self {
        Self::of_mock("scripted", options)
    }

    /// The mock of a schemaless source with these options; its rows go to SQLite.
    pub fn documents(options: Value) -> Self {
        Self::of_mock("documents", options)
    }

    /// The source that misbehaves as `deed` says; its rows go to SQLite.
    pub fn evil(deed: &str) -> Self {
        Self::of_mock("evil", json!({ "deed": deed }))
    }

    /// The mock source that uses the network, with this connection string.
    pub fn networked(connection_string: &str, options: Value) -> Self {
        let mut pipeline = Self::of_mock("network", options);
        pipeline.set("source.connection_string", json!(connection_string));
        pipeline
    }

    fn of_mock(name: &str, options: Value) -> Self {
        let mut pipeline = Self::new();
        let component = pipeline.product.test_plugins.join(format!("{name}-source.wasm"));
        pipeline.set(
            "source",
            json!({
                "type": name,
                "plugin": component,
                "connection_string": "./state",
                "options": options,
            }),
        );
        pipeline.set("error_handling.max_backoff_seconds", json!(0.05));
        pipeline
    }

    /// Puts the mock destination with these options, SQLite inside, in place of SQLite.
    pub fn deliver_to_scripted(&mut self, options: Value) {
        let component = self.product.test_plugins.join("scripted-destination.wasm");
        self.set(
            "destination",
            json!({
                "type": "scripted",
                "plugin": component,
                "connection_string": "./shop.db",
                "options": options,
            }),
        );
    }

    /// How often a mock connector has heard this call: `state` is the source's directory, `.` the
    /// destination's.
    pub fn calls(&self, directory: &str, call: &str) -> u64 {
        // The destination sees its database and what is named after it.
        let prefix = if directory == "." { "shop.db.calls-" } else { "" };
        // The mocks append a byte at each call.
        let file = self.path(directory).join(format!("{prefix}{call}"));
        fs::metadata(file).map_or(0, |calls| calls.len())
    }

    /// A path below the pipeline's directory.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// Writes a source file of schema `shop`.
    pub fn write(&self, file: &str, content: &str) {
        let path = self.path("data/shop").join(file);
        fs::create_dir_all(path.parent().expect("below data/shop")).expect("a directory");
        fs::write(path, content).expect("the source can be written");
    }

    /// Appends to a source file of schema `shop`, in one write.
    pub fn append(&self, file: &str, content: &str) {
        use std::io::Write;
        let path = self.path("data/shop").join(file);
        let mut file =
            fs::OpenOptions::new().append(true).create(true).open(path).expect("the source opens");
        file.write_all(content.as_bytes()).expect("the source can be appended to");
    }

    /// Changes a key of the configuration: `set("schemas.0.mode", json!("batch"))`.
    pub fn set(&mut self, key: &str, value: Value) {
        let mut place = &mut self.config;
        for part in key.split('.') {
            place = match part.parse::<usize>() {
                Ok(index) => &mut place[index],
                Err(_) => &mut place[part],
            };
        }
        *place = value;
    }

    /// Writes the configuration as it is now; its file.
    pub fn write_config(&self) -> PathBuf {
        let (file, new) = (self.path("config.yaml"), self.path("config.yaml.new"));
        // JSON is YAML. A command that was started before may be reading the file just now.
        fs::write(&new, self.config.to_string()).expect("the configuration can be written");
        fs::rename(&new, &file).expect("it takes the other's place");
        file
    }

    /// The tool with this subcommand and configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let file = self.write_config();
        let mut command = self.product.command();
        command.args(arguments).arg("-c").arg(file);
        command
    }

    /// Starts `run` in the background.
    pub fn start(&self) -> Running {
        Running::start(self.command(&["run"]))
    }

    /// Runs until the source has no more.
    pub fn catch_up(&self) -> Ended {
        Running::start(self.command(&["run", "--until-caught-up"])).wait(PATIENCE)
    }

    /// Runs a subcommand to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        Running::start(self.command(arguments)).wait(PATIENCE)
    }

    /// The destination's database file.
    pub fn database(&self) -> PathBuf {
        self.path("shop.db")
    }
}

impl Default for Pipeline {
    fn default() -> Self {
        Self::new()
    }
}

/// Compiled components are shared by all tests of a run: each would compile for seconds.
fn state_dir() -> PathBuf {
    std::env::temp_dir().join("cartridge-warp-test-state")
}
