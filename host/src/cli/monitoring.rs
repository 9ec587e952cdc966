//! Where metrics and health are served, as the configuration says.

use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;

use crate::{
    config::WarpConfig,
    monitor::{Health, Metrics, MonitorError, api},
};

/// Serves them until `finished`; nothing where the configuration wants none.
pub async fn serve(
    config: &WarpConfig,
    metrics: &Metrics,
    health: &Health,
    finished: &CancellationToken,
) -> Result<Option<api::BoundServer>, MonitorError> {
    let prometheus = &config.monitoring.prometheus;
    if !prometheus.enabled {
        return Ok(None);
    }
    // As in a URL, where an IPv6 address stands in brackets.
    let bare = prometheus.host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(&prometheus.host);
    let addresses = tokio::net::lookup_host((host, prometheus.port)).await;
    let first: Option<SocketAddr> = addresses.ok().and_then(|mut addresses| addresses.next());
    let Some(address) = first else {
        return Err(MonitorError::NoSuchHost { host: prometheus.host.clone() });
    };
    let (metrics, health) = (metrics.clone(), health.clone());
    let shutdown = finished.child_token();
    let unready_after = config.monitoring.unready_after_seconds.duration();
    let path = &prometheus.path;
    let server = api::serve(address, path, metrics, health, unready_after, shutdown).await?;
    Ok(Some(server))
}

/// Whether they could be served: they are, for a moment.
pub async fn try_to_serve(config: &WarpConfig) -> Result<(), MonitorError> {
    let finished = CancellationToken::new();
    let served = serve(config, &Metrics::new("")?, &Health::default(), &finished).await?;
    finished.cancel();
    if let Some(server) = served {
        server.stopped().await;
    }
    Ok(())
}
