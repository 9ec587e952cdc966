//! A session of a server that stays open, with its transaction and its locks.

use std::{
    io::Write,
    process::{Child, Stdio},
};

use cartridge_warp_test_postgresql::Cluster;

/// Ends when it is dropped; what it did not commit is rolled back.
pub struct Session(Child);

impl Session {
    /// Opens a session.
    pub fn open(cluster: &Cluster, database: &str) -> Self {
        let mut psql = cluster.program("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database]);
        Self(psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("psql runs"))
    }

    /// Sends SQL, which is run at some time.
    pub fn write(&mut self, sql: &str) {
        let input = self.0.stdin.as_mut().expect("it is open");
        writeln!(input, "{sql}").expect("psql listens");
        input.flush().expect("psql listens");
    }

    /// Waits until all that was sent is done.
    pub fn close(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("psql ends").success(), "psql failed");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
