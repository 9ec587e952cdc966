//! A server as threads see it that go on while it is stopped and started.

use std::{ffi::OsString, process::Command};

use cartridge_warp_test_postgresql::Cluster;

/// Where it is, and the program that talks to it.
pub struct Server {
    psql: OsString,
    url: String,
}

impl Server {
    pub fn of(cluster: &Cluster, url: &str) -> Self {
        Self { psql: cluster.program("psql").get_program().to_owned(), url: url.to_owned() }
    }

    /// The rows that it answers; none where it is away or refuses.
    pub fn ask(&self, sql: &str) -> Option<Vec<String>> {
        let mut psql = Command::new(&self.psql);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url, "-c", sql]);
        let output = psql.env("PGCONNECT_TIMEOUT", "2").output().unwrap();
        let lines = String::from_utf8_lossy(&output.stdout);
        output.status.success().then(|| lines.lines().map(str::to_owned).collect())
    }
}
