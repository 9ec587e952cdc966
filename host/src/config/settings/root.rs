//! The root of the file.

use std::num::NonZeroU32;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Control, DestinationConfig, ErrorHandling, Monitoring, ProcessLimits, SchemaConfig,
    SchemaEvolution, SourceConfig, Standby, Verification,
};
use crate::config::origin::Provenance;
use crate::config::values::{HashKey, Patterns, Resync};

/// Everything a run needs to know, checked. Made by [`WarpConfig::load`],
/// [`WarpConfig::from_value`] or [`WarpConfig::builder`].
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WarpConfig {
    /// Tells this pipeline from every other that writes to the same destination; what one stored there
    /// no other takes over. Without it the source's address is the name.
    #[serde(default)]
    pub name: Option<String>,
    /// `single` moves one schema in this process, `multi` moves all of the list.
    #[serde(default)]
    pub mode: Mode,
    /// The schema to move in single mode; must name one of `schemas`.
    #[serde(default)]
    pub single_schema_name: Option<String>,
    /// Where changes are read.
    pub source: SourceConfig,
    /// Where changes are written.
    pub destination: DestinationConfig,
    /// The schemas to move, at least one.
    pub schemas: Vec<SchemaConfig>,
    /// How many streams a schema reads in parallel unless it says otherwise; more is faster and
    /// costs connections on the source, and on a destination that writes over several at once. Without it,
    /// one; where such a destination is copied to, as many as a large table has chunks, at most one for every
    /// two cores of the machine, and at most four.
    #[serde(default)]
    pub global_max_parallel_streams: Option<NonZeroU32>,
    /// Only tables that match one of these globs are moved; empty means all. Wins over the
    /// blacklist.
    #[serde(default)]
    pub global_table_whitelist: Patterns,
    /// Tables that match one of these globs are not moved.
    #[serde(default)]
    pub global_table_blacklist: Patterns,
    /// `transaction` commits a transaction of the source whole, so that what holds at its end holds at
    /// the destination at any time; it needs a source that knows transactions. `batch` may cut a large one.
    #[serde(default)]
    pub commit_at: CommitAt,
    /// The secret key of masks that hash (`columns.mask`), at least 16 bytes, best from a variable:
    /// `${NAME}`. Whoever has it can check guesses of masked values. With another one, tables with
    /// hashed columns are copied again.
    #[serde(default)]
    pub hash_key: Option<HashKey>,
    /// A file whose content is that key, instead; read at the start.
    #[serde(default)]
    pub hash_key_file: Option<PathBuf>,
    /// Reads and reports; writes nothing and moves no position.
    #[serde(default)]
    pub dry_run: bool,
    /// Copies tables again: `true` forgets the stored positions and copies all of them; names empty
    /// and copy only these (`schema.table` in multi mode) while the others go on.
    #[serde(default)]
    pub full_resync: Resync,
    /// Metrics and logs.
    #[serde(default)]
    pub monitoring: Monitoring,
    /// Orders to a run.
    #[serde(default)]
    pub control: Control,
    /// Waiting for another run (`run --standby`).
    #[serde(default)]
    pub standby: Standby,
    /// Comparing the rows of both sides while a run goes on, as `cartridge-warp verify` does.
    #[serde(default)]
    pub verify: Verification,
    /// What happens when something fails.
    #[serde(default)]
    pub error_handling: ErrorHandling,
    /// What happens when a table's shape changes at the source.
    #[serde(default)]
    pub schema_evolution: SchemaEvolution,
    /// How much all connectors together may use.
    #[serde(default)]
    pub limits: ProcessLimits,
    /// Where the host keeps compiled connectors, and the socket of a run without `control.socket`; losing it
    /// costs compiling them again.
    #[serde(default = "default_state_dir")]
    pub state_dir: PathBuf,
    /// Relative paths of the configuration start here: the directory of the file.
    #[serde(skip)]
    pub base_dir: PathBuf,
    /// The file that was read, if one was.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// The key from either place.
    #[serde(skip)]
    pub(in crate::config) known_hash_key: Option<HashKey>,
    #[serde(skip)]
    pub(in crate::config) provenance: Provenance,
}

/// How many schemas one process moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Mode {
    /// One schema, named by `single_schema_name`.
    #[default]
    Single,
    /// Every schema of the list.
    Multi,
}

/// Where a commit to the destination may end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum CommitAt {
    /// Behind any row.
    #[default]
    Batch,
    /// Behind the last row of a transaction of the source.
    Transaction,
}

pub(in crate::config) fn default_state_dir() -> PathBuf {
    PathBuf::from("~/.local/state/cartridge-warp")
}
