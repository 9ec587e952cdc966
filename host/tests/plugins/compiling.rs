//! The compiler's process against components that cost more than they should.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use cartridge_warp::plugin::{CompileLimits, Engine, EngineSettings, LoadError, Plugin};

use crate::setup::component;

const BINARY: &str = env!("CARGO_BIN_EXE_cartridge-warp");
/// What the host itself may hold while a component of two megabytes is compiled elsewhere.
const HOST_BYTES_MAX: u64 = 256 << 20;

/// A source whose only module has so many functions with this body.
fn functions(count: usize, body: &str) -> Vec<u8> {
    let functions = format!("(func (param i64) (result i64) {body})").repeat(count);
    let source = "(instance $i) (export \"cartridge:warp/source@0.1.0\" (instance $i))";
    wat::parse_str(format!("(component (core module {functions}) {source})")).unwrap()
}

/// Two megabytes of functions.
fn many() -> Vec<u8> {
    functions(200_000, "local.get 0 i64.const 77 i64.add")
}

/// Code that keeps a compiler busy for many seconds.
fn long() -> Vec<u8> {
    functions(
        40_000,
        &format!("local.get 0 {}", "i64.const 7 i64.mul local.get 0 i64.xor ".repeat(60)),
    )
}

fn engine(compiler: &Path, compile_limits: CompileLimits) -> Engine {
    let compiler = Some(compiler.to_owned());
    Engine::new(EngineSettings { compiler, compile_limits, ..EngineSettings::default() }).unwrap()
}

fn written(directory: &Path, bytes: &[u8]) -> PathBuf {
    let path = directory.join("greedy-source.wasm");
    fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test]
async fn more_memory_and_more_time_than_allowed_are_refused_by_their_keys() {
    let directory = tempfile::tempdir().unwrap();
    let little = CompileLimits { memory_bytes_max: 384 << 20, ..CompileLimits::default() };
    let short = CompileLimits { time_max: Duration::from_secs(6), memory_bytes_max: 16 << 30 };
    for (bytes, limits, expected) in
        [(many(), little, "limits.compile.memory"), (long(), short, "limits.compile.time")]
    {
        let path = written(directory.path(), &bytes);
        let engine = engine(Path::new(BINARY), limits);
        let error = Plugin::load(&engine, &path, None).await.unwrap_err();
        let LoadError::CompileLimit { key, .. } = &error else { panic!("{expected}: {error}") };
        assert_eq!(*key, expected);
        assert!(error.to_string().contains("greedy-source.wasm"), "{error}");
        let help = miette::Diagnostic::help(&error).unwrap().to_string();
        assert!(help.contains(expected), "{help}");
        // A good neighbour is compiled by the same engine, within the same limits.
        let plugin = Plugin::load(&engine, component(), None).await.unwrap();
        assert_eq!(plugin.info.name, "evil");
    }
}

#[tokio::test]
async fn what_does_not_compile_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), &functions(1, "i64.add"));
    let engine_of = |program: &Path| engine(program, CompileLimits::default());
    let error = Plugin::load(&engine_of(Path::new(BINARY)), &path, None).await.unwrap_err();
    assert!(matches!(error, LoadError::Compile { .. }), "{error}");
    assert!(error.to_string().contains("type mismatch"), "{error}");
    let nowhere = engine_of(&directory.path().join("nowhere"));
    let error = Plugin::load(&nowhere, component(), None).await.unwrap_err();
    assert!(matches!(error, LoadError::Compile { .. }), "{error}");
}

/// A program of its own name, so that its processes can be told from those of other tests.
fn program(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    fs::copy(BINARY, &path).unwrap();
    path
}

/// The processes of this program, those that nobody reaped included.
#[cfg(target_os = "linux")]
fn processes(name: &str) -> Vec<PathBuf> {
    let all = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let is_its = |path: &PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    all.filter(is_its).collect()
}

#[cfg(target_os = "linux")]
async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..12_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_compiler_ends_when_nobody_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), &long());
    let engine = engine(&program(directory.path(), "cw-dropped"), CompileLimits::default());
    let loading = tokio::spawn(async move { Plugin::load(&engine, &path, None).await });
    wait_until("a compiler", || !processes("cw-dropped").is_empty()).await;
    loading.abort();
    wait_until("the compiler's end", || processes("cw-dropped").is_empty()).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_compiler_ends_with_its_parent_and_gets_nothing_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), &long());
    let mut host = Command::new(program(directory.path(), "cw-killed"))
        .args(["connectors", "inspect"])
        .arg(&path)
        .env("HOME", directory.path())
        .env("SECRET_OF_THE_HOST", "x")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("both", || processes("cw-killed").len() == 2).await;
    let own = format!("/proc/{}", host.id());
    let compiler =
        processes("cw-killed").into_iter().find(|path| *path != Path::new(&own)).unwrap();
    wait_until("its directory", || {
        fs::read_link(compiler.join("cwd")).is_ok_and(|cwd| cwd == Path::new("/"))
    })
    .await;
    let environment = fs::read(compiler.join("environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("HOST"));
    let limits = fs::read_to_string(compiler.join("limits")).unwrap();
    assert!(limits.contains("Max core file size        0"), "{limits}");
    host.kill().unwrap();
    host.wait().unwrap();
    wait_until("their end", || processes("cw-killed").is_empty()).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_host_stays_small_while_a_compiler_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), &many());
    let config = directory.path().join("c.yaml");
    let text = format!(
        "{{mode: single, single_schema_name: a, source: {{type: greedy, connection_string: ./a, plugin: {}}}, \
         destination: {{type: none, connection_string: ./b}}, schemas: [{{name: a}}], state_dir: {}, \
         limits: {{compile: {{memory: 384MiB}}}}}}",
        path.display(),
        directory.path().join("state").display(),
    );
    fs::write(&config, text).unwrap();
    let mut host = Command::new(BINARY)
        .args(["check", "--output", "json", "-c"])
        .arg(&config)
        .env("CARTRIDGE_WARP_PLUGIN_DIR", directory.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", host.id());
    let mut peak = 0;
    while host.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0) * 1024);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let said = host.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("limits.compile.memory") && said.contains("greedy-source"), "{said}");
    assert!(peak > 0 && peak < HOST_BYTES_MAX, "{peak} bytes");
}
