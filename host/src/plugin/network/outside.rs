//! What all instances of the process share of the real network.

use std::{io, sync::Arc};

use rustls::ClientConfig;

use super::{
    grant::TlsGrant,
    limits::{SETUPS_MAX, SETUPS_OF_PLUGIN_MAX},
    lookups::Lookups,
    resolve::Resolver,
    tls::{self, TlsError},
    workers::{Owner, Workers},
};

/// Names, and work that takes its time.
pub(in crate::plugin) struct Outside {
    pub resolver: Arc<dyn Resolver>,
    pub(super) lookups: Lookups,
    /// Apart from look-ups, so that a silent name server keeps nobody from it.
    setups: Workers,
}

impl Outside {
    pub(in crate::plugin) fn new(resolver: Arc<dyn Resolver>) -> Self {
        let lookups = Lookups::new(Arc::clone(&resolver));
        let setups = Workers::new("setup", SETUPS_OF_PLUGIN_MAX, SETUPS_MAX);
        Self { resolver, lookups, setups }
    }

    /// Reads what a protected connection needs.
    pub(super) async fn tls(
        &self,
        grant: TlsGrant,
        owner: &Owner,
    ) -> Result<Arc<ClientConfig>, TlsError> {
        let built = self.work(owner, move || tls::build(&grant)).await;
        built.map_err(|error| TlsError::Setup(error.to_string()))?
    }

    /// Works on a thread of its own.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        owner: &Owner,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        self.setups.run(owner, work).await
    }
}
