//! Looks at schemas beside their attempts, which go on: with connections of their own, few at a time.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use super::error::RunError;

/// How long a look may take, the wait for others included.
pub const LOOK_MAX: Duration = Duration::from_secs(30);
/// Looks at a time: each is an instance of a connector and a connection (I7).
const AT_ONCE_MAX: usize = 2;

/// Where looks wait for each other. Clones are one.
#[derive(Clone)]
pub struct Looks {
    places: Arc<Semaphore>,
    look_max: Duration,
}

impl Default for Looks {
    fn default() -> Self {
        Self::lasting(LOOK_MAX)
    }
}

impl Looks {
    fn lasting(look_max: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE_MAX)), look_max }
    }

    /// What the look comes to; none where it takes too long, or ends by a panic.
    pub async fn look<T: Send + 'static, F>(
        &self,
        look: impl FnOnce() -> F + Send + 'static,
    ) -> Option<Result<T, RunError>>
    where
        F: Future<Output = Result<T, RunError>>,
    {
        let until = Instant::now() + self.look_max;
        let waiting = timeout_at(until, Arc::clone(&self.places).acquire_owned()).await;
        let place = waiting.ok()?.ok()?;
        let runtime = Handle::current();
        // What the commands do is not to be moved between threads while it waits.
        let looked = spawn_blocking(move || {
            let looked = runtime.block_on(async { timeout_at(until, look()).await });
            drop(place);
            looked.ok()
        });
        looked.await.unwrap_or_else(|_| {
            tracing::error!("a look at a schema ended by a panic of the host");
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_look_that_hangs_ends_and_leaves_its_place() {
        let looks = Looks::lasting(Duration::from_millis(20));
        for _ in 0..2 * AT_ONCE_MAX {
            let hangs = looks.look(std::future::pending::<Result<(), RunError>>);
            assert!(hangs.await.is_none());
        }
        assert!(matches!(looks.look(|| async { Ok(7) }).await, Some(Ok(7))));
        assert_eq!(looks.places.available_permits(), AT_ONCE_MAX);
    }
}
