//! The engine stays behind `plugin`: nobody else can come to depend on wasmtime's types.

use crate::{
    source::{self, File},
    tokens,
};

const HOME: &str = "host/src/plugin";

fn violations(files: &[File]) -> Vec<String> {
    let outside = files.iter().filter(|file| file.is_rust() && !file.is_in(HOME));
    let found = outside.flat_map(|file| {
        let words = tokens::words(&tokens::of(&file.path, &file.text));
        let engine = words.into_iter().filter(|(word, _)| word.starts_with("wasmtime"));
        engine.map(|(word, line)| format!("{}:{line}: `{word}` outside {HOME}", file.path))
    });
    found.collect()
}

#[test]
fn only_the_plugin_layer_uses_wasmtime() {
    crate::assert_none(&violations(&source::files()));
}

#[test]
fn the_rule_finds_the_engine_elsewhere() {
    crate::assert_judges(
        violations,
        &[
            ("its home may use it", "host/src/plugin/engine.rs", "use wasmtime::Engine;", false),
            ("the runner may not", "host/src/runner/mod.rs", "use wasmtime::Engine;", true),
            ("nor its WASI", "tests/src/lib.rs", "fn f() -> wasmtime_wasi::X {}", true),
            ("a comment may name it", "host/src/lib.rs", "// wasmtime does this\nfn f() {}", false),
            ("a text may name it", "host/src/lib.rs", "const A: &str = \"wasmtime\";", false),
        ],
    );
}
