//! Orders to a pipeline that runs.

use std::{net::SocketAddr, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a run is asked and told something while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Control {
    /// Whether a run has a socket on which `status`, `pause`, `resume`, `resync` and others reach it; only its own
    /// user may use it.
    pub enabled: bool,
    /// Where the socket is, at most 107 bytes; without it, in `state_dir` under the pipeline's name.
    pub socket: Option<PathBuf>,
    /// An address and a port, such as 127.0.0.1:8081, on which the same is served over HTTP to whoever shows the
    /// token; without it, nowhere. There is no TLS: for other machines, put a proxy before it.
    pub listen: Option<SocketAddr>,
    /// A file with the token that each request to `listen` has to show, at least 16 bytes; read at the start.
    pub token_file: Option<PathBuf>,
}

impl Default for Control {
    fn default() -> Self {
        Self { enabled: true, socket: None, listen: None, token_file: None }
    }
}
