//! Rows are committed at the same time, and tables are changed between such commits.
//!
//! A row is sent in the form of its table's columns. Over one connection nothing could come between the two; over
//! several a column could be another one by the time that its values arrive.

use std::future::{Future, pending};

use tokio::sync::{RwLock, RwLockReadGuard};

use crate::runner::error::RunError;

/// Who commits, and who changes tables, in one attempt.
#[derive(Debug, Default)]
pub struct Turns {
    /// Whether the tables could not be changed, with which the attempt ends.
    is_over: RwLock<bool>,
}

/// While it is held, tables stay as they are.
pub type Turn<'a> = RwLockReadGuard<'a, bool>;

impl Turns {
    /// To commit beside others.
    pub async fn beside(&self) -> Turn<'_> {
        let turn = self.is_over.read().await;
        if *turn {
            drop(turn);
            return pending().await;
        }
        turn
    }

    /// Does work that changes tables, while nobody commits, and goes on beside others. After an error nobody
    /// has a turn any more: whoever waits for one is dropped with the attempt, which ends with this error.
    pub async fn alone<T>(
        &self,
        work: impl Future<Output = Result<T, RunError>>,
    ) -> Result<(T, Turn<'_>), RunError> {
        let mut turn = self.is_over.write().await;
        if *turn {
            drop(turn);
            return pending().await;
        }
        match work.await {
            Ok(done) => Ok((done, turn.downgrade())),
            Err(error) => {
                *turn = true;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, time::Duration};

    use tokio::time::timeout;

    use super::*;

    async fn waits<T>(turn: impl Future<Output = T>) -> bool {
        timeout(Duration::from_millis(20), turn).await.is_err()
    }

    #[tokio::test]
    async fn tables_change_while_nobody_commits() {
        let turns = Turns::default();
        let one = turns.beside().await;
        let other = turns.beside().await;
        let mut change = pin!(turns.alone(async { Ok(7) }));
        assert!(waits(&mut change).await);
        assert!(waits(turns.beside()).await, "nobody passes who waits to be alone");
        drop((one, other));
        let (done, turn) = change.await.unwrap();
        assert_eq!(done, 7);
        assert!(!waits(turns.beside()).await, "it goes on beside others");
        assert!(waits(turns.alone(async { Ok(()) })).await);
        drop(turn);
    }

    #[tokio::test]
    async fn nobody_commits_after_a_change_that_failed() {
        let turns = Turns::default();
        let failed = async { Err::<(), _>(RunError::CopyAgain { table: "t".into() }) };
        assert!(turns.alone(failed).await.is_err());
        assert!(waits(turns.beside()).await);
        assert!(waits(turns.alone(async { Ok(()) })).await);
    }
}
