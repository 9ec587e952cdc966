//! The commands of `docs/`, as a newcomer types them: the blocks of a page are run in their order against real
//! servers, and what a page shows has to be what comes.
//!
//! A block `console` has commands behind `$ `, with `> ` before the lines that go on, and below each what it shows;
//! `…` stands for anything, within a line or as a line for any lines. Where nothing is shown, anything may come. A
//! command has to end with 0. Another block whose first line is a comment with the name of a file is that file.
//! The addresses of servers are those of the test's.

#![allow(clippy::panic)] // Helpers of tests are tests, too.

mod block;
mod commands;
mod shown;

use std::{env, fmt::Write, fs, net::TcpListener, path::Path, process::Command, time::Duration};

use cartridge_warp_test_postgresql::Cluster;
use cartridge_warp_tests::{Pipeline, Product, Running};
use tempfile::TempDir;

use crate::files::libraries::repository;
use block::Step;

/// How long all commands of a page may take, in seconds: then they end with all that they started.
const SECONDS_MAX: &str = "300";
/// Longer than that.
const PATIENCE: Duration = Duration::from_secs(360);

/// Where a page is tried.
struct Place {
    folder: TempDir,
    cluster: Cluster,
    monitoring_port: u16,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".results")).unwrap();
        let cluster = Cluster::start(&[("wal_level", "logical"), ("max_replication_slots", "20")]);
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { folder, cluster, monitoring_port: free.local_addr().unwrap().port() }
    }

    /// The page with the addresses of here.
    fn here(&self, page: &str) -> String {
        page.replace("localhost:5432", &format!("127.0.0.1:{}", self.cluster.port()))
            .replace("localhost:8080", &format!("127.0.0.1:{}", self.monitoring_port))
    }

    /// A shell that finds the programs, the plugins, and what is compiled of them already.
    fn shell(&self, script: &str) -> Command {
        let product = Product::find();
        let psql = self.cluster.program("psql");
        let folder_of =
            |program: &Path| program.canonicalize().unwrap().parent().unwrap().to_owned();
        let mut path = folder_of(&product.binary).into_os_string();
        for folder in
            [folder_of(Path::new(psql.get_program())).into(), env::var_os("PATH").unwrap()]
        {
            path.push(":");
            path.push(folder);
        }
        let state = Pipeline::new().config["state_dir"].as_str().unwrap().to_owned();
        let mut shell = Command::new("timeout");
        shell
            .args(["--kill-after=10", SECONDS_MAX, "bash", "-c", script])
            .current_dir(self.folder.path())
            .env("PATH", path);
        shell.env("CARTRIDGE_WARP_PLUGIN_DIR", product.plugins.canonicalize().unwrap());
        shell.env("CARTRIDGE_WARP_STATE_DIR", state);
        // The state is shared, and so would be the sockets of pipelines of one name.
        shell.env("CARTRIDGE_WARP_CONTROL__SOCKET", self.folder.path().join("control.socket"));
        let port = self.monitoring_port.to_string();
        shell.env("CARTRIDGE_WARP_MONITORING__PROMETHEUS__PORT", port);
        shell
    }

    /// What a command left: `out`, `err` or its exit code.
    fn result(&self, number: usize, what: &str) -> Option<String> {
        fs::read_to_string(self.folder.path().join(format!(".results/{number}.{what}"))).ok()
    }
}

/// All steps as one script, since what a command exports or starts is there for the next one.
fn script(steps: &[Step]) -> String {
    let mut script = "results=$PWD/.results; trap 'kill $(jobs -p) 2>/dev/null' EXIT\n".to_owned();
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::File { name, text } => {
                write!(script, "cat > '{name}' <<'END OF FILE'\n{text}END OF FILE\n").unwrap();
            }
            Step::Command { text, .. } => {
                let at = format!("\"$results/{number}");
                write!(
                    script,
                    "{{\n{text}\n}} >{at}.out\" 2>{at}.err\" </dev/null\n\
                     code=$?; echo $code >{at}.code\"; [ $code = 0 ] || exit 1\n"
                )
                .unwrap();
            }
        }
    }
    script
}

/// Does what a page says, in a folder of its own.
fn follow(page: &str) {
    let place = Place::new();
    let text = fs::read_to_string(repository().join("docs").join(page)).unwrap();
    let steps = block::steps(&place.here(&text));
    let ended = Running::start(place.shell(&script(&steps))).wait(PATIENCE);
    let mut commands = 0;
    for (number, step) in steps.iter().enumerate() {
        let Step::Command { line, text, shown } = step else { continue };
        let at = format!("docs/{page}:{line}: $ {text}");
        let result = |what| place.result(number, what).unwrap_or_default();
        let (code, stderr) = (result("code"), result("err"));
        assert_ne!(code, "", "{at}\ndid not end\n{}{stderr}", result("out"));
        let said = result("out") + &shown::without_log(&stderr);
        assert_eq!(code.trim(), "0", "{at}\n{said}{stderr}{}", ended.stderr);
        if let Err(difference) = shown::compare(shown, &said) {
            panic!("{at}\n{difference}\nand this came:\n{said}{stderr}");
        }
        commands += 1;
    }
    assert!(commands > 0, "docs/{page} has no commands");
}

/// A file that a page has its reader write.
pub fn file(page: &str, wanted: &str) -> String {
    let page = fs::read_to_string(repository().join("docs").join(page)).unwrap();
    let files = block::steps(&page).into_iter().filter_map(|step| match step {
        Step::File { name, text } => Some((name, text)),
        Step::Command { .. } => None,
    });
    let found = files.filter(|(name, _)| name == wanted).map(|(_, text)| text).next();
    found.unwrap_or_else(|| panic!("{wanted} is not there"))
}

#[test]
fn the_quickstart_goes_as_written() {
    follow("quickstart.md");
}

#[test]
fn the_operators_guide_goes_as_written() {
    follow("operator-guide.md");
}

#[test]
fn the_conformance_kits_page_goes_as_written() {
    follow("conformance.md");
}

#[test]
fn the_configurations_page_goes_as_written() {
    follow("configuration.md");
}
