//! A root directory with one schema, `shop`, and a source over it.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use cartridge_warp_sdk::testing::Driver;
use cartridge_warp_sdk::{Config, Limits, Source};
use files_source::{FilesSource, Options};
use tempfile::TempDir;

pub struct Shop {
    root: TempDir,
    options: Options,
}

impl Shop {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let root = TempDir::new().unwrap();
        fs::create_dir(root.path().join("shop")).unwrap();
        Self { root, options }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("shop").join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn append(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let mut file = fs::OpenOptions::new().append(true).open(self.path(name)).unwrap();
        file.write_all(bytes.as_ref()).unwrap();
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub fn source(&self) -> FilesSource {
        let root = self.root.path().to_str().unwrap();
        let config =
            Config::new(root, self.options.clone()).grant("connection_string", root, false);
        FilesSource::connect(config).unwrap()
    }

    pub fn driver(&self) -> Driver<FilesSource> {
        Driver::new(self.source(), "shop")
    }
}

pub fn rows_at_a_time(rows_max: usize) -> Limits {
    Limits { rows_max, ..Limits::default() }
}
