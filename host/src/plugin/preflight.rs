//! Reads a file's shape before anything is compiled: is it a component, for which world, of which
//! version, and does it ask for more than there is.
//!
//! Reads only the outermost level of names; validation proper is the compiler's.

mod context;

use std::{collections::BTreeSet, path::Path};

use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload};

use super::{
    LoadError, Role, imports,
    limits::{COMPONENT_NAMES_MAX, CONTEXT_BYTES_MAX, NAME_BYTES_MAX},
    text, weight,
};

/// The version of `cartridge:warp` that this host implements.
const OURS: Version = Version { major: 0, minor: 1 };
const PACKAGE: &str = "cartridge:warp/";
/// Names shown in an error.
const NAMES_SHOWN_MAX: usize = 20;

/// What the outermost level of a component names.
#[derive(Debug, Default)]
struct Shape {
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    major: u64,
    minor: u64,
}

/// What a look from outside tells of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Looked {
    pub role: Role,
    /// Interfaces that it needs, in order of their names.
    pub imports: Vec<String>,
    /// Interfaces that it offers, likewise.
    pub exports: Vec<String>,
    /// What its memories have when it starts.
    pub memory_bytes: u64,
    /// What the host keeps of each instance beside its memories and tables.
    pub context_bytes: u64,
}

/// What the component is, or why it can't run here.
pub(super) fn check(path: &Path, bytes: &[u8]) -> Result<Looked, LoadError> {
    let shape = read(path, bytes)?;
    let role = role(path, &shape)?;
    let missing: Vec<String> =
        shape.imports.iter().filter(|name| !is_offered(name)).map(|name| shown(name)).collect();
    if !missing.is_empty() {
        let missing = missing.into_iter().take(NAMES_SHOWN_MAX).collect();
        return Err(LoadError::Imports { path: path.to_owned(), missing });
    }
    let corrupt = |reason| LoadError::Corrupt { path: path.to_owned(), reason };
    let context_bytes = context::bytes(bytes).map_err(|error| corrupt(error.to_string()))?;
    if context_bytes > CONTEXT_BYTES_MAX {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
            what: "globals and functions of its instances",
            bytes: context_bytes,
            bytes_max: CONTEXT_BYTES_MAX,
        });
    }
    let memory_bytes = weight::memory_bytes(bytes).map_err(|error| corrupt(error.to_string()))?;
    let names = |names: BTreeSet<String>| names.iter().map(|name| shown(name)).collect();
    let Shape { imports, exports } = shape;
    let (imports, exports) = (names(imports), names(exports));
    Ok(Looked { role, imports, exports, memory_bytes, context_bytes })
}

fn read(path: &Path, bytes: &[u8]) -> Result<Shape, LoadError> {
    let corrupt = |reason: String| LoadError::Corrupt { path: path.to_owned(), reason };
    let mut shape = Shape::default();
    // Modules and components inside the component; only what lies outside of them is its own.
    let mut depth = 0_usize;
    let mut outermost = true;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| corrupt(error.to_string()))?;
        match payload {
            Payload::Version { encoding, .. } => {
                if outermost && encoding == Encoding::Module {
                    return Err(LoadError::CoreModule { path: path.to_owned() });
                }
                outermost = false;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(|error| corrupt(error.to_string()))?;
                    shape.imports.insert(import.name.name.to_owned());
                    count(&shape).map_err(corrupt)?;
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(|error| corrupt(error.to_string()))?;
                    if export.kind == ComponentExternalKind::Instance {
                        shape.exports.insert(export.name.name.to_owned());
                        count(&shape).map_err(corrupt)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(shape)
}

/// A set of names costs many times the bytes that say them.
fn count(shape: &Shape) -> Result<(), String> {
    let names = shape.imports.len() + shape.exports.len();
    let within = names <= COMPONENT_NAMES_MAX;
    within
        .then_some(())
        .ok_or_else(|| format!("it names more than {COMPONENT_NAMES_MAX} interfaces"))
}

fn role(path: &Path, shape: &Shape) -> Result<Role, LoadError> {
    let of = |word: &str| shape.exports.iter().find(|name| interface(name) == Some(word));
    let (role, export) = match (of("source"), of("destination")) {
        (Some(export), None) => (Role::Source, export),
        (None, Some(export)) => (Role::Destination, export),
        _ => {
            let exports = shape.exports.iter().take(NAMES_SHOWN_MAX).map(|name| shown(name));
            return Err(LoadError::NoConnector {
                path: path.to_owned(),
                exports: exports.collect(),
            });
        }
    };
    if version(export) == Some(OURS) {
        return Ok(role);
    }
    let own = shape.imports.iter().filter(|name| name.starts_with(PACKAGE));
    let missing = own.chain([export]).filter(|name| version(name) != Some(OURS));
    let needs = export.split_once('@').map_or("without a version", |(_, version)| version);
    Err(LoadError::Version {
        path: path.to_owned(),
        needs: shown(needs),
        runs: format!("{}.{}", OURS.major, OURS.minor),
        missing: missing.take(NAMES_SHOWN_MAX).map(|name| shown(name)).collect(),
    })
}

/// The interface's word when it is one of `cartridge:warp`.
fn interface(name: &str) -> Option<&str> {
    let rest = name.strip_prefix(PACKAGE)?;
    Some(rest.split_once('@').map_or(rest, |(word, _)| word))
}

fn version(name: &str) -> Option<Version> {
    let (_, version) = name.split_once('@')?;
    let mut numbers = version.split(['.', '-', '+']).map(str::parse);
    let major = numbers.next()?.ok()?;
    let minor = numbers.next()?.ok()?;
    Some(Version { major, minor })
}

fn is_offered(import: &str) -> bool {
    if let Some(word) = interface(import) {
        return imports::OURS.contains(&word) && version(import) == Some(OURS);
    }
    let Some(rest) = import.strip_prefix("wasi:") else { return false };
    let word = rest.split_once('@').map_or(rest, |(word, _)| word);
    imports::WASI.contains(&word) && version(import) == Some(Version { major: 0, minor: 2 })
}

fn shown(name: &str) -> String {
    text::one_line(name, NAME_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(wat: &str) -> Result<Role, LoadError> {
        Ok(check(Path::new("x.wasm"), &wat::parse_str(wat).unwrap())?.role)
    }

    fn exporting(name: &str) -> String {
        format!("(component (instance $i) (export \"{name}\" (instance $i)))")
    }

    #[test]
    fn roles_are_read_from_exports() {
        let source = checked(&exporting("cartridge:warp/source@0.1.0"));
        assert_eq!(source.unwrap(), Role::Source);
        let newer = checked(&exporting("cartridge:warp/destination@0.1.7"));
        assert_eq!(newer.unwrap(), Role::Destination);
    }

    #[test]
    fn every_refusal_says_what_is_wrong() {
        let both = "(component (instance $i)
            (export \"cartridge:warp/source@0.1.0\" (instance $i))
            (export \"cartridge:warp/destination@0.1.0\" (instance $i)))";
        let importing = |import: &str| {
            format!(
                "(component (import \"{import}\" (instance)) (instance $i)
                    (export \"cartridge:warp/source@0.1.0\" (instance $i)))"
            )
        };
        let imports = (0..=COMPONENT_NAMES_MAX).map(|n| format!("(import \"i{n}\" (instance))"));
        let many = format!("(component {})", imports.collect::<String>());
        let cases = [
            ("a core module", "(module)".to_owned(), "core module, not a component"),
            ("nothing exported", "(component)".to_owned(), "it exports nothing"),
            ("another world", exporting("wasi:http/handler@0.2.0"), "wasi:http/handler@0.2.0"),
            ("both roles", both.to_owned(), "is no connector"),
            (
                "a newer version",
                exporting("cartridge:warp/source@0.3.0"),
                "needs cartridge:warp 0.3.0, this host runs 0.1; missing: cartridge:warp/source@0.3.0",
            ),
            (
                "no version",
                exporting("cartridge:warp/source"),
                "needs cartridge:warp without a version",
            ),
            (
                "HTTP",
                importing("wasi:http/types@0.2.0"),
                "imports what no plugin gets here: wasi:http/types@0.2.0",
            ),
            (
                "a future WASI",
                importing("wasi:cli/environment@0.3.0"),
                "wasi:cli/environment@0.3.0",
            ),
            (
                "a future import of ours",
                importing("cartridge:warp/state@0.1.0"),
                "cartridge:warp/state@0.1.0",
            ),
            ("an unnamed import", importing("backdoor"), "backdoor"),
            ("too many imports", many, "names more than"),
        ];
        for (name, wat, expected) in cases {
            let error = checked(&wat).unwrap_err();
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn damaged_files_are_corrupt_and_never_panic() {
        let bytes = wat::parse_str(exporting("cartridge:warp/source@0.1.0")).unwrap();
        for length in 0..bytes.len() {
            drop(check(Path::new("x"), &bytes[..length]));
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                drop(check(Path::new("x"), &bytes));
            }
        }
        for (name, broken) in [("a script", &b"#!/bin/sh"[..]), ("a half", &bytes[..20])] {
            let error = check(Path::new("x"), broken).unwrap_err();
            assert!(matches!(error, LoadError::Corrupt { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn what_lies_inside_is_not_mistaken_for_the_outside() {
        let inner = exporting("cartridge:warp/source@0.1.0");
        let error = checked(&format!("(component {inner} (core module))")).unwrap_err();
        assert!(matches!(error, LoadError::NoConnector { .. }), "{error}");
    }
}
