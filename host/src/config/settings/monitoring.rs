//! Metrics and logs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::Interval;

/// What the process tells about itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Monitoring {
    /// The metrics endpoint.
    pub prometheus: Prometheus,
    /// The least important line that is written.
    pub log_level: LogLevel,
    /// JSON lines with correlation ids for machines; `false` writes lines for people.
    pub structured_logging: bool,
    /// How long `/ready` still says yes while a schema tries again and commits nothing. One that failed is not
    /// ready at once.
    pub unready_after_seconds: Interval,
    /// How long the journal keeps runs that have ended (`sync_runs`) and errors (`error_log`) of this pipeline; 0 keeps
    /// them for ever. Destinations that read nothing back keep them in any case.
    pub journal_retention: Interval,
}

/// The HTTP endpoint of metrics and health.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Prometheus {
    /// Whether metrics and health are served at all.
    pub enabled: bool,
    /// The address to listen on, an IPv6 one with or without brackets; anything but a loopback address is
    /// reachable by others.
    pub host: String,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// Where the metrics are.
    pub path: String,
}

/// How important a log line must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum LogLevel {
    /// Everything, for finding a fault.
    Debug,
    /// What a person running it wants to know.
    #[default]
    Info,
    /// What may need a person.
    Warning,
    /// What failed.
    Error,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self {
            prometheus: Prometheus::default(),
            log_level: LogLevel::default(),
            structured_logging: true,
            unready_after_seconds: Interval::seconds(300),
            journal_retention: Interval::seconds(90 * 24 * 60 * 60),
        }
    }
}

impl Default for Prometheus {
    fn default() -> Self {
        Self {
            enabled: true,
            host: "127.0.0.1".to_owned(),
            port: 8080,
            path: "/metrics".to_owned(),
        }
    }
}
