//! The typed configuration: one struct per level of the file, field names as the file has them.
//!
//! The doc comment of each field is also its text in `env-help` and in errors, and its default
//! appears there too: both are read from these types by `keys`. Nothing is loaded here.

mod added;
mod columns;
mod connector;
mod control;
mod error_handling;
mod evolution;
mod grants;
mod host_grant;
mod kit_case;
mod mask;
mod mode;
mod monitoring;
mod root;
mod schema;
mod schema_limits;
mod secret_source;
mod standby;
mod table;
mod verification;

pub use added::{AddedColumn, RowFact};
pub use columns::Columns;
pub use connector::{ChangeDetectionStrategy, DestinationConfig, OnMaxRetained, SourceConfig};
pub use control::Control;
pub use error_handling::ErrorHandling;
pub use evolution::{EvolutionStrategy, OnRulesChange, SchemaEvolution, TableEvolution};
pub use grants::{CompileLimits, DirectoryGrant, EnvironmentGrant, Grants, Limits, ProcessLimits};
pub use host_grant::{Credentials, HostGrant};
pub use kit_case::{KitAbility, KitCase, KitOperation, KitTable};
pub use mask::Mask;
pub use mode::SyncMode;
pub use monitoring::{LogLevel, Monitoring, Prometheus};
pub(in crate::config) use root::default_state_dir;
pub use root::{CommitAt, Mode, WarpConfig};
pub use schema::{OnLostPosition, OnNewTable, OnTableFailure, SchemaConfig};
pub use schema_limits::SchemaLimits;
pub use secret_source::SecretSource;
pub use standby::Standby;
pub use table::{DeletionStrategy, InitialCopy, TableConfig, WriteMode};
pub use verification::Verification;

use std::num::NonZeroU32;

/// A default that must not be zero; zero becomes one.
pub(in crate::config) const fn at_least_one(count: u32) -> NonZeroU32 {
    match NonZeroU32::new(count) {
        Some(count) => count,
        None => NonZeroU32::MIN,
    }
}

const fn yes() -> bool {
    true
}
