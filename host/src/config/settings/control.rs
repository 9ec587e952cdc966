//! Orders to a pipeline that runs.

use std::path::PathBuf;

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
}

impl Default for Control {
    fn default() -> Self {
        Self { enabled: true, socket: None }
    }
}
