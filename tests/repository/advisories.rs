//! `scripts/deny.sh` says whether advisories were checked, with a stand-in for cargo-deny.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use crate::source;

/// Knows its version, fetches where a file allows it, and finds what lies in the database that its
/// configuration names.
const STAND_IN: &str = r#"#!/usr/bin/env bash
here=$(dirname "$0")
version=$(sed -n 's/^version=//p' scripts/deny.sh)
case " $* " in
*" --version "*) echo "cargo-deny $version" ;;
*" licenses "*) exit "$(cat "$here/licenses")" ;;
*" fetch "*) [ -e "$here/network" ] ;;
*" advisories "*)
    config=$(sed -n 's/.* --config \([^ ]*\) .*/\1/p' <<<" $* ")
    fetched=$(sed -n 's/^db-path = "\(.*\)"$/\1/p' "$config")
    [ -z "$fetched" ] || ! grep -rq 'package = "bad"' "$fetched"/*/crates
    ;;
esac
"#;

struct Case<'a> {
    name: &'a str,
    licenses: &'a str,
    network: bool,
    /// The package and the date of the one advisory of a supplied database.
    database: Option<(&'a str, &'a str)>,
    required: bool,
    ends_well: bool,
    says: &'a str,
}

const OFFLINE: Case<'_> = Case {
    name: "offline",
    licenses: "0",
    network: false,
    database: None,
    required: false,
    ends_well: true,
    says: "advisories: NOT CHECKED: RustSec's database could not be fetched",
};

fn cases() -> [Case<'static>; 8] {
    // Later than any limit, so that the test does not age.
    let (fresh, old) = ("2999-01-01", "2020-01-01");
    [
        OFFLINE,
        Case { name: "offline, but required", required: true, ends_well: false, ..OFFLINE },
        Case { name: "online", network: true, says: "advisories: checked", ..OFFLINE },
        Case {
            name: "supplied",
            database: Some(("good", fresh)),
            required: true,
            says: "advisories: checked (the newest of the database is of 2999-01-01)",
            ..OFFLINE
        },
        Case {
            name: "supplied, and something is found",
            database: Some(("bad", fresh)),
            ends_well: false,
            says: "advisories: FOUND",
            ..OFFLINE
        },
        Case {
            name: "supplied, but old",
            database: Some(("bad", old)),
            says: "is of 2020-01-01, before",
            ..OFFLINE
        },
        Case {
            name: "supplied, but old, and required",
            database: Some(("good", old)),
            required: true,
            ends_well: false,
            says: "advisories: NOT CHECKED",
            ..OFFLINE
        },
        Case {
            name: "a licence is refused before",
            licenses: "1",
            network: true,
            ends_well: false,
            says: "advisories: NOT CHECKED: the check did not get that far",
            ..OFFLINE
        },
    ]
}

fn supply(directory: &Path, package: &str, date: &str) {
    let folder = directory.join("db/crates").join(package);
    fs::create_dir_all(&folder).unwrap();
    let advisory =
        format!("```toml\n[advisory]\npackage = \"{package}\"\ndate = \"{date}\"\n```\n");
    fs::write(folder.join("RUSTSEC-2999-0001.md"), advisory).unwrap();
}

#[test]
fn the_last_line_says_whether_advisories_were_checked() {
    for case in cases() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("cargo-deny");
        fs::write(&program, STAND_IN).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(directory.path().join("licenses"), case.licenses).unwrap();
        if case.network {
            fs::write(directory.path().join("network"), "").unwrap();
        }
        let summary = directory.path().join("summary");
        let mut script = Command::new(source::root().join("scripts/deny.sh"));
        let path = std::env::var("PATH").unwrap();
        script.arg(&summary).env("PATH", format!("{}:{path}", directory.path().display()));
        script.env_remove("CARTRIDGE_WARP_ADVISORY_DB");
        script.env("CARTRIDGE_WARP_REQUIRE_ADVISORIES", if case.required { "1" } else { "" });
        if let Some((package, date)) = case.database {
            supply(directory.path(), package, date);
            script.env("CARTRIDGE_WARP_ADVISORY_DB", directory.path().join("db"));
        }
        let ended = script.output().unwrap();
        let said = fs::read_to_string(&summary).unwrap();
        let output = String::from_utf8_lossy(&ended.stdout);
        let errors = String::from_utf8_lossy(&ended.stderr);
        let name = case.name;
        assert_eq!(ended.status.success(), case.ends_well, "{name}: {output}{errors}");
        assert!(said.contains(case.says), "{name}: {said}{errors}");
        let got_there = case.licenses == "0";
        assert!(!got_there || output.ends_with(&said), "{name}: the last line is {said}{output}");
    }
}

#[test]
fn what_the_script_adds_to_the_configuration_belongs_to_its_last_section() {
    let text = source::text("deny.toml");
    let last = text.lines().rfind(|line| line.starts_with('['));
    assert_eq!(last, Some("[advisories]"));
}
