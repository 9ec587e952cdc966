//! The projects that `connectors new` writes: the examples of this repository, in which CI builds what is here.

use std::path::{Path, PathBuf};

use crate::plugin::Role;

/// How the examples call themselves; nothing else in them is called so.
const NAME: &str = "starter";
/// How the examples name the SDK.
const SDK: &str = "{ path = \"../../../sdk\" }";

/// A file below the project, and what it has.
type File = (&'static str, &'static str);

macro_rules! files {
    ($folder:literal; $($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../examples/connectors/", $folder, "/", $name)))),+]
    };
}

const SOURCE: &[File] = files![
    "rust-source";
    ".gitignore", "Cargo.toml", "README.md", "pipeline.yaml", "src/lib.rs", "tests/native.rs",
];

const DESTINATION: &[File] = files![
    "rust-destination";
    ".gitignore", "Cargo.toml", "README.md", "conformance/case.yaml", "conformance/copy/.gitignore",
    "conformance/driver.py", "copy/.gitignore", "data/demo/people.csv", "pipeline.yaml", "src/lib.rs", "src/state.rs", "src/store.rs", "tests/native.rs",
];

/// The files of a connector of this name, which depends on the SDK at this place.
pub fn project(role: Role, name: &str, sdk: &Path) -> Vec<(PathBuf, String)> {
    let files = match role {
        Role::Source => SOURCE,
        Role::Destination => DESTINATION,
    };
    // JSON's texts are TOML's.
    let sdk = format!("{{ path = {} }}", serde_json::Value::from(sdk.to_string_lossy()));
    let crate_name = format!("{NAME}_{}", role.word());
    let own_crate = format!("{}_{}", name.replace('-', "_"), role.word());
    let filled =
        |text: &str| text.replace(&crate_name, &own_crate).replace(NAME, name).replace(SDK, &sdk);
    files.iter().map(|(path, text)| (PathBuf::from(path), filled(text))).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;

    /// Files below a folder, but for those of a build.
    fn below(folder: &Path, inner: &Path, found: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder.join(inner)).unwrap().map(Result::unwrap) {
            let path = inner.join(entry.file_name());
            if ["target", "state", "Cargo.lock"].iter().any(|built| path == Path::new(built)) {
                continue;
            }
            match entry.path().is_dir() {
                true => below(folder, &path, found),
                false => drop(found.insert(path)),
            }
        }
    }

    #[test]
    fn a_project_has_all_of_its_example() {
        for (role, folder) in
            [(Role::Source, "rust-source"), (Role::Destination, "rust-destination")]
        {
            let example =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/connectors").join(folder);
            let mut expected = BTreeSet::new();
            below(&example, Path::new(""), &mut expected);
            let project = project(role, "a-b", Path::new("/s d\"k"));
            let written: BTreeSet<_> = project.iter().map(|(path, _)| path.clone()).collect();
            assert_eq!(written, expected, "{folder}");
            let text =
                |name: &str| &project.iter().find(|(path, _)| path == Path::new(name)).unwrap().1;
            let manifest = text("Cargo.toml");
            assert!(
                manifest.contains("cartridge-warp-sdk = { path = \"/s d\\\"k\" }\n"),
                "{manifest}"
            );
            assert!(manifest.contains(&format!("name = \"a-b-{}\"", role.word())), "{manifest}");
            let component = format!("release/a_b_{}.wasm", role.word());
            assert!(text("pipeline.yaml").contains(&component), "{component}");
            assert!(!project.iter().any(|(_, text)| text.contains(NAME)), "{folder}");
        }
    }
}
