//! The host and the SDK share the contract in `wit/` and nothing else, so that a connector never
//! depends on a version of the host.

use crate::{
    source::{self, File},
    tokens,
};

/// Folders, and the crate that nothing in them may name.
const APART: [(&str, &str); 3] =
    [("host", "cartridge_warp_sdk"), ("sdk", "cartridge_warp"), ("plugins", "cartridge_warp")];

fn violations(files: &[File]) -> Vec<String> {
    let pairs = files.iter().flat_map(|file| APART.map(|(folder, other)| (file, folder, other)));
    let judged = pairs.filter(|(file, folder, _)| file.is_in(folder));
    judged.flat_map(|(file, folder, other)| found(file, folder, other)).collect()
}

fn found(file: &File, folder: &str, other: &str) -> Vec<String> {
    let lines: Vec<usize> = if file.is_rust() {
        let words = tokens::words(&tokens::of(&file.path, &file.text)).into_iter();
        words.filter(|(word, _)| word == other).map(|(_, line)| line).collect()
    } else if file.path.ends_with("/Cargo.toml") {
        let package = other.replace('_', "-");
        let lines = file.text.lines().enumerate();
        lines.filter(|(_, line)| depends_on(line, &package)).map(|(at, _)| at + 1).collect()
    } else {
        Vec::new()
    };
    lines.iter().map(|line| format!("{}:{line}: {folder} uses `{other}`", file.path)).collect()
}

fn depends_on(line: &str, package: &str) -> bool {
    let key = line.split(['=', '.']).next().unwrap_or(line).trim();
    key == package || line.contains(&format!("package = \"{package}\""))
}

#[test]
fn host_and_sdk_never_import_each_other() {
    crate::assert_none(&violations(&source::files()));
}

#[test]
fn the_rule_finds_imports_and_dependencies() {
    crate::assert_judges(
        violations,
        &[
            ("the host uses the SDK", "host/src/lib.rs", "use cartridge_warp_sdk::Source;", true),
            ("the SDK uses the host", "sdk/src/lib.rs", "use cartridge_warp::model;", true),
            (
                "the SDK depends on the host",
                "sdk/Cargo.toml",
                "cartridge-warp.workspace = true",
                true,
            ),
            ("under another name", "sdk/Cargo.toml", "h = { package = \"cartridge-warp\" }", true),
            (
                "a connector uses the host",
                "plugins/x/src/lib.rs",
                "use cartridge_warp::model;",
                true,
            ),
            ("a connector uses the SDK", "plugins/x/Cargo.toml", "cartridge-warp-sdk = {}", false),
            (
                "a crate may have its own name",
                "sdk/Cargo.toml",
                "name = \"cartridge-warp-sdk\"",
                false,
            ),
            ("tests may use both", "tests/src/lib.rs", "use cartridge_warp::model;", false),
        ],
    );
}
