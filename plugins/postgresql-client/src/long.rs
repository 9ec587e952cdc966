//! A statement that may take longer than a call of the host's.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use cartridge_warp_sdk::Failure;
use tokio::time::timeout;
use tokio_postgres::Error;

use crate::Connection;

/// One that is under way, with its connection. Dropped, it leaves the server to end it or to give it up.
pub struct LongStatement {
    // It has the client, so it goes before the runtime does.
    running: Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>,
    connection: Connection,
}

impl LongStatement {
    /// Begins a statement on a connection that is for it alone.
    ///
    /// # Errors
    /// Never while the connection is open.
    pub fn begin(mut connection: Connection, sql: String) -> Result<Self, Failure> {
        let client = connection.take_client()?;
        let running = Box::pin(async move { client.batch_execute(&sql).await });
        Ok(Self { running, connection })
    }

    /// Waits for its end, for so long at most; none while it is under way. Not to be asked again behind its end.
    pub fn wait(&mut self, patience: Duration) -> Option<Result<(), Error>> {
        let Self { running, connection } = self;
        connection.block_on(async { timeout(patience, running).await.ok() })
    }

    /// Its connection, which knows why it ended.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}
