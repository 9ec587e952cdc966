//! What `examples` has for systemd, Kubernetes and containers, as their own tools read it.

#![allow(clippy::expect_used)] // Helpers of tests are tests, too.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cartridge_warp_tests::{Pipeline, Product};

use crate::files::libraries::{python_packages, repository};

fn example(file: &str) -> PathBuf {
    repository().join("examples").join(file)
}

/// Runs a tool; what it says.
fn accepts(command: &mut Command) -> String {
    let output = command.output().expect("it is installed: scripts/setup.sh tests");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}");
    said.into_owned()
}

/// The unit with the program of this build, as it would be installed.
fn installed(directory: &Path) -> PathBuf {
    let unit = fs::read_to_string(example("systemd/cartridge-warp@.service")).unwrap();
    let program = "/opt/cartridge-warp/cartridge-warp";
    assert!(unit.contains(program), "{unit}");
    let file = directory.join("cartridge-warp@shop.service");
    let binary = Product::find().binary;
    fs::write(&file, unit.replace(program, &binary.display().to_string())).unwrap();
    file
}

#[test]
fn systemd_takes_the_unit_and_calls_it_little_exposed() {
    let directory = tempfile::tempdir().unwrap();
    let unit = installed(directory.path());
    let said = accepts(Command::new("systemd-analyze").arg("verify").arg(&unit));
    assert!(!said.contains("cartridge-warp@"), "{said}");
    // Tenths; what systemd calls OK ends at 4.9.
    let most_exposed = ["security", "--offline=true", "--threshold=20"];
    let said = accepts(Command::new("systemd-analyze").args(most_exposed).arg(&unit));
    assert!(said.contains("Overall exposure level"), "{said}");
}

#[test]
fn kubernetes_has_each_field_of_the_manifests() {
    let manifests = example("kubernetes/pipeline.yaml");
    let mut validate = Command::new("python3");
    validate.env("PYTHONPATH", python_packages("deployment-tools"));
    let said = accepts(validate.args(["-m", "kubernetes_validate", "--strict"]).arg(&manifests));
    for kind in
        ["configmap", "secret", "deployment", "service", "poddisruptionbudget", "networkpolicy"]
    {
        assert!(said.contains(&format!("passed for resource {kind}/shop")), "{kind}: {said}");
    }
}

/// The file `config.yaml` that the manifests mount.
fn mounted() -> String {
    let manifests = fs::read_to_string(example("kubernetes/pipeline.yaml")).unwrap();
    let rest = manifests.split("  config.yaml: |\n").nth(1).unwrap();
    let lines = rest.lines().take_while(|line| line.starts_with("    "));
    lines.map(|line| format!("{}\n", &line[4..])).collect()
}

#[test]
fn the_configurations_that_are_deployed_are_valid() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().display().to_string();
    for side in ["source", "destination"] {
        let url = format!("postgresql://warp:secret@{side}.example/shop");
        fs::write(directory.path().join(side), url).unwrap();
    }
    let systemd = fs::read_to_string(example("systemd/shop.yaml")).unwrap();
    let kubernetes = mounted().replace("/run/secrets/cartridge-warp", &place);
    for (name, text) in [("systemd", systemd), ("kubernetes", kubernetes)] {
        let file = directory.path().join(format!("{name}.yaml"));
        fs::write(&file, text).unwrap();
        let mut command = Product::find().command();
        command.env("CREDENTIALS_DIRECTORY", &place);
        // Where the connectors are compiled already.
        let state_dir = Pipeline::new().config["state_dir"].as_str().unwrap().to_owned();
        command.env("CARTRIDGE_WARP_STATE_DIR", state_dir);
        // What a pod has in its environment where a Service is called like the program.
        for (variable, value) in [("SERVICE_HOST", "10.0.0.1"), ("SERVICE_PORT", "8080")] {
            command.env(format!("CARTRIDGE_WARP_{variable}"), value);
        }
        let said = accepts(command.args(["validate", "-c"]).arg(&file));
        assert!(said.contains("source.example"), "{name}: {said}");
    }
}

#[test]
fn the_dockerfile_has_nothing_to_complain_of() {
    let hadolint = Path::new(&python_packages("deployment-tools")).join("bin/hadolint");
    accepts(Command::new(hadolint).arg(example("docker/Dockerfile")));
}
