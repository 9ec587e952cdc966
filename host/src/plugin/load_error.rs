//! Why a component file is not a usable plugin, and what to do about it.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use super::{PluginError, Role};

/// Loading a plugin, or finding one, failed.
#[derive(Debug, Error, Diagnostic)]
pub enum LoadError {
    #[error("no plugin directory found; looked at {}", list(.searched))]
    #[diagnostic(
        code("no-plugin-directory"),
        help(
            "pass --plugin-dir, or set CARTRIDGE_WARP_PLUGIN_DIR to the directory of .wasm files"
        )
    )]
    NoDirectory { searched: Vec<PathBuf> },

    #[error("can't read the plugin directory {}", .path.display())]
    #[diagnostic(code("plugin-directory-unreadable"))]
    Directory { path: PathBuf, source: std::io::Error },

    #[error("can't read {}", .path.display())]
    #[diagnostic(code("plugin-unreadable"))]
    File { path: PathBuf, source: std::io::Error },

    #[error("{} has {bytes} bytes or more of {what}; {bytes_max} are allowed", .path.display())]
    #[diagnostic(
        code("plugin-too-large"),
        help(
            "strip debug information from a component that is too large; no usual one has more than that \
             of anything else, so ask its author what it is for"
        )
    )]
    TooLarge { path: PathBuf, what: &'static str, bytes: u64, bytes_max: u64 },

    #[error("{} is not the pinned file: expected sha256 {expected}, found {found}", .path.display())]
    #[diagnostic(
        code("plugin-digest"),
        help(
            "the file was replaced or damaged: restore it, or pin the new digest if you trust it"
        )
    )]
    Digest { path: PathBuf, expected: String, found: String },

    #[error("{} is a core module, not a component", .path.display())]
    #[diagnostic(code("plugin-core-module"), help("build it with --target wasm32-wasip2"))]
    CoreModule { path: PathBuf },

    #[error("{} is not a readable component: {reason}", .path.display())]
    #[diagnostic(code("plugin-corrupt"), help("copy or build it again"))]
    Corrupt { path: PathBuf, reason: String },

    #[error("{} is no connector: it exports {}", .path.display(), words(.exports))]
    #[diagnostic(
        code("plugin-no-connector"),
        help(
            "a connector exports `cartridge:warp/source` or `cartridge:warp/destination`, one of them"
        )
    )]
    NoConnector { path: PathBuf, exports: Vec<String> },

    #[error(
        "{} needs cartridge:warp {needs}, this host runs {runs}; missing: {}",
        .path.display(), words(.missing)
    )]
    #[diagnostic(
        code("plugin-version"),
        help("use the connector's build for this host, or a host of its version")
    )]
    Version { path: PathBuf, needs: String, runs: String, missing: Vec<String> },

    #[error("{} imports what no plugin gets here: {}", .path.display(), words(.missing))]
    #[diagnostic(
        code("plugin-imports"),
        help("connectors run on WASI 0.2 and the imports of cartridge:warp, nothing else")
    )]
    Imports { path: PathBuf, missing: Vec<String> },

    #[error("{} does not compile: {reason}", .path.display())]
    #[diagnostic(
        code("plugin-compile"),
        help(
            "if the compiler was killed, the machine may be short of memory: see \
             `limits.compile.memory`; else the component is damaged, or made for \
             another version of the contract"
        )
    )]
    Compile { path: PathBuf, reason: String },

    #[error("compiling {} takes more than the {limit} of `{key}`", .path.display())]
    #[diagnostic(
        code("plugin-compile-limit"),
        help(
            "raise `{key}` if you trust the connector and it is large; else ask its author why it \
             costs that much: small connectors compile within a second"
        )
    )]
    CompileLimit { path: PathBuf, key: &'static str, limit: String },

    #[error("{} can't say what it is", .path.display())]
    #[diagnostic(code("plugin-describe"))]
    Describe { path: PathBuf, source: Box<PluginError> },

    #[error("the options schema of {} is not usable: {reason}", .path.display())]
    #[diagnostic(code("plugin-options-schema"))]
    OptionsSchema { path: PathBuf, reason: String },

    #[error("two files are the {role} `{name}`: {} and {}", .first.display(), .second.display())]
    #[diagnostic(code("plugin-duplicate"), help("remove one of them"))]
    Duplicate { role: Role, name: String, first: PathBuf, second: PathBuf },

    #[error("no {} is called `{name}`; there are: {}", sought(.role.as_ref()), words(.available))]
    #[diagnostic(code("plugin-unknown"), help("{advice}"))]
    Unknown { role: Option<Role>, name: String, available: Vec<String>, advice: String },

    #[error("the name of {} says neither a connector's name nor its role", .path.display())]
    #[diagnostic(code("plugin-file-name"), help("{}", RENAME))]
    FileName { path: PathBuf },

    #[error("{} says that it is the {found_role} `{found_name}`", .path.display())]
    #[diagnostic(
        code("plugin-misnamed"),
        help(
            "call it {found_name}-{found_role}.wasm, or name its path as `{found_role}.plugin`, if \
             that is the connector you want; else the file was mistaken for another"
        )
    )]
    Misnamed { path: PathBuf, found_role: Role, found_name: String },

    #[error("the WebAssembly runtime does not start: {reason}")]
    #[diagnostic(code("plugin-engine"))]
    Engine { reason: String },
}

/// What to do with a file whose name says nothing.
pub(super) const RENAME: &str = "call it NAME-source.wasm or NAME-destination.wasm, or name its path \
                                 as `source.plugin` or `destination.plugin`; `cartridge-warp \
                                 connectors inspect PATH` shows what it is";

fn sought(role: Option<&Role>) -> &'static str {
    role.map_or("connector", |role| role.word())
}

fn list(paths: &[PathBuf]) -> String {
    let texts: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    texts.join(", ")
}

fn words(words: &[String]) -> String {
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}
