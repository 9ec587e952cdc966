//! What can go wrong while the monitoring is set up.

use std::net::SocketAddr;

use miette::Diagnostic;

/// Why monitoring could not start.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum MonitorError {
    /// Another process listens where we should.
    #[error("the monitoring port {addr} is in use")]
    #[diagnostic(
        code("port-in-use"),
        help(
            "set monitoring.prometheus.port to a free port, to 0 to have one picked, or \
             monitoring.prometheus.enabled to false"
        )
    )]
    PortInUse {
        addr: SocketAddr,
        #[source]
        source: std::io::Error,
    },

    /// The address exists for nobody here, or we may not use it.
    #[error("cannot listen on the monitoring address {addr}")]
    #[diagnostic(
        code("monitoring-address"),
        help(
            "monitoring.prometheus.host must be an address of this machine (127.0.0.1, 0.0.0.0), \
             and ports below 1024 need privileges"
        )
    )]
    Address {
        addr: SocketAddr,
        #[source]
        source: std::io::Error,
    },

    /// The name of the address does not resolve.
    #[error("the monitoring host {host:?} does not resolve")]
    #[diagnostic(
        code("monitoring-host"),
        help("monitoring.prometheus.host must be an address of this machine, such as 127.0.0.1")
    )]
    NoSuchHost { host: String },

    /// The path collides with another page or is no path.
    #[error("{path:?} cannot be the path of the metrics")]
    #[diagnostic(
        code("metrics-path"),
        help(
            "monitoring.prometheus.path starts with / , consists of letters, digits and - _ . / \
             and is none of /health, /ready, /startup"
        )
    )]
    MetricsPath { path: String },

    /// A metric family was refused by the registry.
    #[error("the metrics could not be registered")]
    #[diagnostic(code("metrics-registration"))]
    Registration(#[from] prometheus::Error),
}
