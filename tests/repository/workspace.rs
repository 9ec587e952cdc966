//! Nothing in the workspace is left over: crates, dependencies, lints.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

use crate::source::{self, File};

/// What we need to know of a member.
struct Member {
    /// Its folder below the root.
    folder: String,
    manifest: String,
    /// As its sources would write them.
    dependencies: BTreeSet<String>,
    /// Its library, programs and tests, likewise.
    targets: BTreeSet<String>,
}

fn unused_dependencies(member: &Member, files: &[File]) -> Vec<String> {
    let sources: Vec<_> = files.iter().filter(|file| file.is_in(&member.folder)).collect();
    let names = |dependency: &str| {
        let word = |text: &str| {
            text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == dependency)
        };
        sources.iter().any(|file| file.is_rust() && word(&file.text))
    };
    let unused = member.dependencies.iter().filter(|dependency| !names(dependency));
    unused.map(|name| format!("{}: the dependency `{name}` is not used", member.folder)).collect()
}

/// Targets that are called like a package of somebody else: when cargo cleans the workspace, it takes that one's
/// compiled files along, and everything that stands on it is compiled anew.
fn namesakes(member: &Member, lock: &str) -> Vec<String> {
    let packages = lock.split("[[package]]").filter(|package| package.contains("\nsource = "));
    let names = packages.filter_map(|package| package.split('"').nth(1));
    let same = names.filter(|name| member.targets.contains(&name.replace('-', "_")));
    same.map(|name| format!("{}: a target is called like the crate `{name}`", member.folder))
        .collect()
}

fn unchecked(member: &Member) -> Vec<String> {
    let inherits = member.manifest.contains("[lints]\nworkspace = true");
    let violation = || format!("{}: does not inherit the workspace's lints", member.folder);
    (!inherits).then(violation).into_iter().collect()
}

/// Entries of `[workspace.dependencies]` that no member inherits.
fn unused_entries(workspace: &str, members: &[Member]) -> Vec<String> {
    let section = workspace.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let lines = section.lines().filter(|line| !line.starts_with(['#', ' ', '\t', ']', '}']));
    let keys = lines.filter_map(|line| Some(line.split_once('=')?.0.trim()));
    let inherits = |key: &str, member: &Member| {
        let lines = member.manifest.lines();
        let of_key = |line: &str| line.split(['.', '=', ' ']).next() == Some(key);
        lines.filter(|line| of_key(line)).any(|line| line.contains("workspace = true"))
    };
    let unused = keys.filter(|key| !members.iter().any(|member| inherits(key, member)));
    unused.map(|key| format!("Cargo.toml: no crate inherits the dependency `{key}`")).collect()
}

/// Folders with a manifest that the workspace does not know and does not exclude by name.
fn strays(workspace: &str, files: &[File], members: &[Member]) -> Vec<String> {
    let excluded = workspace.lines().find_map(|line| line.strip_prefix("exclude = "));
    let excluded = excluded.unwrap_or_default();
    let manifests = files.iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
    let unknown = manifests.filter(|folder| !members.iter().any(|member| member.folder == *folder));
    let strays = unknown.filter(|folder| !excluded.contains(&format!("\"{folder}\"")));
    strays.map(|folder| format!("{folder}: a crate outside the workspace")).collect()
}

fn members() -> Vec<Member> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(source::root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let root = metadata["workspace_root"].as_str().unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| member(package, root)).collect()
}

fn member(package: &Value, root: &str) -> Member {
    let path = package["manifest_path"].as_str().unwrap().strip_prefix(root).unwrap();
    let folder = path.trim_start_matches('/').trim_end_matches("/Cargo.toml").to_owned();
    let dependencies = package["dependencies"].as_array().unwrap().iter().map(|dependency| {
        let name = dependency["rename"].as_str().or(dependency["name"].as_str()).unwrap();
        name.replace('-', "_")
    });
    let dependencies = dependencies.collect();
    let targets = package["targets"].as_array().unwrap().iter();
    let targets =
        targets.map(|target| target["name"].as_str().unwrap().replace('-', "_")).collect();
    let manifest = source::text(&format!("{folder}/Cargo.toml"));
    Member { folder, manifest, dependencies, targets }
}

#[test]
fn nothing_in_the_workspace_is_left_over() {
    let (files, members) = (source::files(), members());
    let workspace = source::text("Cargo.toml");
    let mut violations = unused_entries(&workspace, &members);
    violations.extend(strays(&workspace, &files, &members));
    violations.extend(members.iter().flat_map(unchecked));
    violations.extend(members.iter().flat_map(|member| unused_dependencies(member, &files)));
    let lock = source::text("Cargo.lock");
    violations.extend(members.iter().flat_map(|member| namesakes(member, &lock)));
    crate::assert_none(&violations);
}

#[test]
fn the_rules_find_what_is_left_over() {
    let used = File::new("sdk/src/lib.rs", "use serde::Serialize;");
    let member = |manifest: &str, dependency: &str| Member {
        folder: "sdk".into(),
        manifest: manifest.into(),
        dependencies: BTreeSet::from([dependency.to_owned()]),
        targets: BTreeSet::from(["wire_log".to_owned()]),
    };
    let good = || member("serde.workspace = true\n[lints]\nworkspace = true\n", "serde");

    assert!(unused_dependencies(&good(), std::slice::from_ref(&used)).is_empty());
    assert_eq!(unused_dependencies(&member("", "serde_json"), &[used]).len(), 1);

    assert!(unchecked(&good()).is_empty());
    assert_eq!(unchecked(&member("[lints.rust]\n", "serde")).len(), 1);

    let workspace =
        |key: &str| format!("[workspace.dependencies]\n# why\n{key} = \"1\"\n\n[x]\ny = 1\n");
    assert!(unused_entries(&workspace("serde"), &[good()]).is_empty());
    assert_eq!(unused_entries(&workspace("serde_json"), &[good()]).len(), 1);

    let lock = |name: &str, source: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n{source}\n")
    };
    let registry = "source = \"registry\"";
    assert!(namesakes(&good(), &lock("log", registry)).is_empty());
    assert!(namesakes(&good(), &lock("wire-log", "")).is_empty(), "it is ours");
    assert_eq!(namesakes(&good(), &lock("wire-log", registry)).len(), 1);

    let lost = [File::new("examples/lost/Cargo.toml", "")];
    assert!(strays("", &[File::new("sdk/Cargo.toml", "")], &[good()]).is_empty());
    assert!(strays("exclude = [\"examples/lost\"]\n", &lost, &[good()]).is_empty());
    assert_eq!(strays("exclude = [\"examples\"]\n", &lost, &[good()]).len(), 1);
}
