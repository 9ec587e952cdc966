//! `connectors new`: what it writes builds, passes its tests and runs, outside of this repository.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

use cartridge_warp_tests::{
    Ended, Product, Running,
    rows::{sqlite_count, sqlite_count_live, sqlite_query},
};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(600);

/// Where projects are made: the same place each time, so that what they are built with stays compiled.
fn workshop() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("connectors")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The SDK as it would be published: packed, and unpacked outside of the workspace.
fn packaged_sdk() -> &'static Path {
    static SDK: OnceLock<PathBuf> = OnceLock::new();
    SDK.get_or_init(|| {
        let packed = workshop().join("packed");
        fs::remove_dir_all(&packed).ok();
        fs::create_dir_all(&packed).unwrap();
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(repository()).env("CARGO_TARGET_DIR", &packed);
        command.args([
            "package",
            "--package",
            "cartridge-warp-sdk",
            "--no-verify",
            "--offline",
            "--allow-dirty",
        ]);
        run(command);
        let name = format!("cartridge-warp-sdk-{}", env!("CARGO_PKG_VERSION"));
        let mut command = Command::new("tar");
        // What is packed has no times, by which cargo would take another version for the same.
        command.current_dir(&packed).args(["-xzmf", &format!("package/{name}.crate")]);
        run(command);
        packed.join(name)
    })
}

fn run(command: Command) {
    let said = format!("{command:?}");
    let ended = Running::start(command).wait(PATIENCE);
    assert!(ended.status.success(), "{said}: {}{}", ended.stdout, ended.stderr);
}

/// A project that `connectors new` made.
struct Project {
    directory: PathBuf,
    role: &'static str,
}

impl Project {
    fn make(role: &'static str) -> Self {
        let directory = workshop().join(format!("made/my-shop-{role}"));
        fs::remove_dir_all(&directory).ok();
        let project = Self { directory, role };
        let made = project.plugin_new("my-shop");
        assert!(made.status.success(), "{}", made.stderr);
        // The versions that are at hand, and no others: nothing is fetched.
        fs::copy(repository().join("Cargo.lock"), project.directory.join("Cargo.lock")).unwrap();
        project
    }

    fn plugin_new(&self, name: &str) -> Ended {
        let (role, sdk) = (format!("--{}", self.role), packaged_sdk().to_str().unwrap());
        let directory = self.directory.to_str().unwrap();
        Product::find().run(&["plugin", "new", name, &role, "--sdk", sdk, "--dir", directory])
    }

    fn cargo(&self, arguments: &[&str]) {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(&self.directory).env("CARGO_TARGET_DIR", workshop().join("target"));
        command.args(arguments).arg("--offline");
        run(command);
    }

    /// Builds it as its README says, and puts the component where its pipeline looks for it.
    fn build(&self) {
        self.cargo(&["test"]);
        self.cargo(&["build", "--release", "--target", "wasm32-wasip2"]);
        let built = format!("wasm32-wasip2/release/my_shop_{}.wasm", self.role);
        let own = self.directory.join("target").join(&built);
        fs::create_dir_all(own.parent().unwrap()).unwrap();
        fs::copy(workshop().join("target").join(&built), own).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Product::find().command();
        command.current_dir(&self.directory).args(arguments).args(["-c", "pipeline.yaml"]);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        Running::start(self.command(arguments)).wait(PATIENCE)
    }

    /// Starts it, and kills it by SIGKILL once `is_enough` says so.
    fn kill_after(&self, mut is_enough: impl FnMut() -> bool) {
        let running = Running::start(self.command(&["run"]));
        let start = Instant::now();
        while !is_enough() {
            assert!(
                start.elapsed() < Duration::from_secs(120),
                "nothing comes: {}",
                running.stderr()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        running.kill();
    }

    fn catch_up(&self) {
        let ended = self.run(&["run", "--until-caught-up"]);
        assert!(ended.status.success(), "{}", ended.stderr);
    }
}

/// The fortunes that arrived, by their numbers.
fn fortunes(database: &Path) -> BTreeMap<i64, String> {
    let rows = sqlite_query(database, "SELECT id, text FROM fortunes");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.iter().map(|row| (row["id"].as_i64().unwrap(), text(&row["text"]))).collect()
}

/// What `inspect` says of a component, and again when it was compiled already.
fn assert_weighed(project: &Project) {
    let component = project.directory.join("target/wasm32-wasip2/release/my_shop_source.wasm");
    let state = tempfile::tempdir().unwrap();
    let inspect = |format: &str| {
        let mut command = Product::find().command();
        command.env("CARTRIDGE_WARP_STATE_DIR", state.path());
        command.args(["plugin", "inspect", component.to_str().unwrap(), "--output", format]);
        Running::start(command).wait(PATIENCE)
    };
    let first: Value = serde_json::from_str(&inspect("json").stdout).unwrap();
    assert_eq!(first["file_bytes"], fs::metadata(&component).unwrap().len());
    assert!(
        first["memory_bytes"].as_u64().is_some_and(|bytes| (1 << 20..16 << 20).contains(&bytes))
    );
    assert!(first["instance_bytes"].as_u64() > Some(0) && first["compile_ms"].as_u64() > Some(0));
    let names = |key: &str| first[key].as_array().unwrap().clone();
    assert!(names("imports").contains(&"cartridge:warp/log@0.1.0".into()), "{first}");
    assert!(names("exports").contains(&"cartridge:warp/source@0.1.0".into()), "{first}");
    let second: Value = serde_json::from_str(&inspect("json").stdout).unwrap();
    assert_eq!(second["compile_ms"], Value::Null);
    let expected =
        ["size", "memory", "at its start", "compiled before", "imports cartridge:warp/log@0.1.0"];
    let said = inspect("human").stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(expected.iter().all(|word| said.contains(word)), "{said}");
}

#[test]
fn a_new_source_builds_and_is_exact_through_kills() {
    let project = Project::make("source");
    project.build();
    assert_weighed(&project);
    let checked = project.run(&["check"]);
    assert!(checked.status.success(), "{}", checked.stderr);
    assert!(checked.stderr.contains("the fortunes are open"), "{}", checked.stderr);

    let database = project.directory.join("demo.db");
    for _ in 0..3 {
        let before = sqlite_count_live(&database, "fortunes").unwrap_or(0);
        let now = || sqlite_count_live(&database, "fortunes").unwrap_or(0);
        project.kill_after(|| now() > before + 5);
        // What the killed one had not finished is undone.
        assert!(sqlite_count(&database, "fortunes") > 0);
    }
    project.catch_up();
    let found = fortunes(&database);
    let (first, last) = (*found.keys().next().unwrap(), *found.keys().last().unwrap());
    assert_eq!(found.len() as i64, last - first + 1, "none is missing");
    let told = ["A clean log is a happy log.", "Commit often."];
    assert!(found.iter().all(|(id, text)| text == told[(id % 2) as usize]), "{found:?}");
}

/// The people that arrived: numbers and names.
fn people(project: &Project) -> BTreeMap<String, String> {
    let folder = project.directory.join("copy/demo");
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let mut states: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    // The newest claim's.
    states.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    let Some(text) = states.last().and_then(|path| fs::read(path).ok()) else {
        return BTreeMap::new();
    };
    let state: Value = serde_json::from_slice(&text).unwrap();
    let Some(rows) = state["tables"]["people"]["rows"].as_object() else { return BTreeMap::new() };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.values().map(|row| (text(&row["id"]), text(&row["name"]))).collect()
}

#[test]
fn a_new_destination_builds_and_is_exact_through_kills() {
    let project = Project::make("destination");
    project.build();
    let component = "target/wasm32-wasip2/release/my_shop_destination.wasm";
    let mut kit = Product::find().command();
    kit.current_dir(&project.directory);
    kit.args(["plugin", "test", component, "-c", "conformance/case.yaml"]);
    let kit = Running::start(kit).wait(PATIENCE);
    assert!(
        kit.status.success() && kit.stdout.contains(" 0 failed"),
        "{}{}",
        kit.stdout,
        kit.stderr
    );
    let file = project.directory.join("data/demo/people.csv");
    let mut expected = BTreeMap::new();
    for (id, name) in [("1", "Ada"), ("2", "Grace"), ("3", "Edsger")] {
        expected.insert(id.to_owned(), name.to_owned());
    }
    for round in 0..3 {
        let mut text = fs::read_to_string(&file).unwrap();
        for id in 100 * (round + 1)..100 * (round + 1) + 50 {
            text += &format!("{id},P{id},X\n");
            expected.insert(id.to_string(), format!("P{id}"));
        }
        let before = people(&project).len();
        fs::write(&file, text).unwrap();
        project.kill_after(|| people(&project).len() > before);
    }
    project.catch_up();
    assert_eq!(people(&project), expected);
}

#[test]
fn nothing_is_overwritten_and_bad_names_are_refused_with_words() {
    let directory = tempfile::tempdir().unwrap();
    let project = |name: &str| Project { directory: directory.path().join(name), role: "source" };
    let made = project("it").plugin_new("my-shop");
    assert!(made.status.success(), "{}", made.stderr);
    let manifest = directory.path().join("it/Cargo.toml");
    fs::write(&manifest, "mine").unwrap();
    let again = project("it").plugin_new("my-shop");
    assert_eq!(again.status.code(), Some(2));
    assert!(again.words().contains("is there already and was not touched"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(manifest).unwrap(), "mine");

    for name in ["", "Shop", "9shop", "-shop", "shop-", "my_shop", "a/b", "größe", &"a".repeat(49)]
    {
        let refused = project("bad").plugin_new(name);
        assert_eq!(refused.status.code(), Some(2), "{name}");
        let words = refused.words();
        assert!(
            words.contains("a name has") || words.contains("unexpected argument"),
            "{name}: {words}"
        );
        assert!(!directory.path().join("bad").exists(), "{name}");
    }
    let elsewhere = directory.path().to_str().unwrap();
    let product = Product::find();
    let no_sdk = product.run(&["connectors", "new", "a", "--source", "--sdk", elsewhere]);
    assert!(no_sdk.words().contains("it is not the SDK"), "{}", no_sdk.stderr);
    let sdk = repository().join("sdk");
    let sdk = sdk.to_str().unwrap();
    for roles in [&[][..], &["--source", "--destination"]] {
        let arguments = [&["connectors", "new", "a", "--sdk", sdk][..], roles].concat();
        assert_eq!(product.run(&arguments).status.code(), Some(2), "{roles:?}");
    }
}
