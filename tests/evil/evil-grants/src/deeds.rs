//! What it tries. Each deed says in the log what worked, for the test to judge.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use cartridge_warp_sdk::{Config, Failure, log};

use crate::Options;

/// Enough to pass any share of 1,024.
const FILES: usize = 2_000;

pub(crate) fn commit(config: &Config<Options>, hoard: &mut Vec<File>) -> Result<(), Failure> {
    let granted = |key: &str| config.path(key).map(|path| path.guest_path.clone());
    match config.options.deed.as_str() {
        "look-around" => look_around(&granted("connection_string")?),
        "replace-file" => replace(&granted("connection_string")?),
        "swap-folder" => {
            return swap(Path::new(&granted("options.work")?), &granted("options.slot")?);
        }
        "pipe" => tell("pipe", &open(&format!("{}/pipe", granted("options.slot")?))),
        "hoard" => self::hoard(&granted("options.work")?, hoard),
        "fill" => return fill(&granted("options.work")?),
        "churn" => return churn(&granted("options.work")?),
        _ => {}
    }
    Ok(())
}

fn tell(what: &str, found: &str) {
    log::warn("did", &[("deed", what), ("found", found)]);
}

fn words<T>(outcome: io::Result<T>) -> String {
    outcome.map_or_else(|error| format!("refused: {error}"), |_| "worked".to_owned())
}

fn open(path: &str) -> String {
    words(File::open(path))
}

/// What is beside the granted file.
fn look_around(file: &str) {
    let directory = Path::new(file).parent().unwrap_or(Path::new("/"));
    let names = fs::read_dir(directory).and_then(|entries| {
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    });
    let names: Vec<String> = names.unwrap_or_default();
    tell("listed", &names.join(" "));
    for name in ["config.yaml", "./config.yaml", "data/../config.yaml", "../config.yaml", "data"] {
        let path = directory.join(name);
        tell(&format!("read {name}"), &words(fs::read_to_string(&path)));
        tell(&format!("saw {name}"), &words(fs::metadata(&path)));
        tell(&format!("wrote {name}"), &words(OpenOptions::new().append(true).open(&path)));
    }
    tell("made another", &words(File::create(directory.join("another"))));
    let sibling = format!("{file}-more");
    tell(
        "made a sibling",
        &words(fs::write(&sibling, "x").and_then(|()| fs::remove_file(&sibling))),
    );
}

/// Puts something else where the granted file, which is locked, is.
fn replace(file: &str) {
    let sibling = format!("{file}-more");
    tell("removed it", &words(fs::remove_file(file)));
    tell("renamed it", &words(fs::rename(file, &sibling)));
    let made = fs::write(&sibling, "x");
    tell("replaced it", &words(made.and_then(|()| fs::rename(&sibling, file))));
    tell("linked it", &words(fs::hard_link(file, format!("{file}.yaml"))));
    tell("wrote it", &words(OpenOptions::new().append(true).open(file)));
}

/// Puts a link in place of a folder that is granted too, and wants it opened again.
fn swap(work: &Path, slot: &str) -> Result<(), Failure> {
    tell("secret", &open(&format!("{slot}/secret")));
    tell("harmless", &open(&format!("{slot}/harmless")));
    if work.join("old").exists() {
        return Ok(());
    }
    let swapped = fs::rename(work.join("in"), work.join("old"))
        .and_then(|()| fs::rename(work.join("link"), work.join("in")));
    tell("swapped", &words(swapped));
    Err(Failure::reconnect("again", "open it all again"))
}

fn hoard(work: &str, hoard: &mut Vec<File>) {
    if !hoard.is_empty() {
        return;
    }
    for n in 0..FILES {
        match File::create(format!("{work}/{n}")) {
            Ok(file) => hoard.push(file),
            Err(error) => {
                tell("refused", &error.to_string());
                break;
            }
        }
    }
    tell("hoarded", &hoard.len().to_string());
}

/// Writes for as long as it can.
fn fill(work: &str) -> Result<(), Failure> {
    let block = vec![7_u8; 64 << 10];
    let mut file = File::create(format!("{work}/filler")).map_err(|error| failed(&error))?;
    for _ in 0..FILES {
        file.write_all(&block).map_err(|error| failed(&error))?;
    }
    tell("filled", "all");
    Ok(())
}

/// Writes the same bytes again and again, which takes no room.
fn churn(work: &str) -> Result<(), Failure> {
    for _ in 0..FILES {
        fs::write(format!("{work}/filler"), [7; 4096]).map_err(|error| failed(&error))?;
    }
    tell("churned", "all");
    Ok(())
}

fn failed(error: &io::Error) -> Failure {
    Failure::stop("write", error.to_string())
}
