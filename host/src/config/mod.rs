//! The configuration: file, environment and command line become one checked, cascaded whole.
//!
//! ```text
//! file ─► expand ${NAME} ─┐
//! environment ────────────┼─► layers ─► keys known? supported? ─► typed ─► checks ─► WarpConfig
//! command line ───────────┘   (with the origin of each value)
//! ```
//!
//! The command line wins over the environment, that over the file, that over the defaults; for a
//! table, a value set nearer wins over its schema's and that over the global one
//! ([`WarpConfig::table_settings`]). The structs of `settings` are the only list of keys: unknown
//! keys, environment variables, [`env_help`] and [`WarpConfig::effective`] follow from them.
//!
//! Come in by [`WarpConfig::load`] ([`ConfigSources`]), [`WarpConfig::from_value`] or
//! [`WarpConfig::builder`]; ask [`WarpConfig::active_schemas`], [`WarpConfig::selects_table`] and
//! [`SourceConfig::read_connection_string`]. Paths are absolute by then.
//!
//! Not here: whether a connector exists or takes its options, and anything that touches a server.
//! Secrets granted to a connector are not read here either, only named.
//!
//! Invariant: a [`WarpConfig`] has passed every check, and no error or printed value shows a
//! password. A key that this release would ignore is refused (`unsupported`).

mod builder;
mod cascade;
mod case;
mod checks;
mod connection_file;
mod decode;
mod document;
mod editor_schema;
mod effective;
mod effective_table;
mod error;
mod expand;
mod expansion;
mod hash_key;
mod keys;
mod known;
mod layers;
mod learn;
mod lines;
mod load;
mod locate;
mod nearest;
mod origin;
mod path;
mod redact;
mod reload;
mod service_links;
mod settings;
mod spans;
mod table_lists;
mod unsupported;
mod values;
mod variables;

#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use cascade::TableSettings;
pub use case::Case;
pub use connection_file::{Unread, read_connection_string};
pub use editor_schema::json_schema;
pub use effective::EffectiveKey;
pub use error::{Code, ConfigError, Problem};
pub use keys::{EnvVariable, env_help};
pub use load::{ConfigSources, template};
pub(crate) use nearest::{nearest, suggest};
pub use origin::Origin;
pub use redact::redact;
pub use reload::Reloaded;
pub use settings::{
    AddedColumn, ChangeDetectionStrategy, Columns, CommitAt, CompileLimits, Control, Credentials,
    DeletionStrategy, DestinationConfig, DirectoryGrant, EnvironmentGrant, ErrorHandling,
    EvolutionStrategy, Grants, HostGrant, InitialCopy, KitAbility, KitCase, KitOperation, KitTable,
    Limits, LogLevel, Mask, Mode, Monitoring, OnLostPosition, OnMaxRetained, OnNewTable,
    OnRulesChange, OnTableFailure, ProcessLimits, Prometheus, RowFact, SchemaConfig,
    SchemaEvolution, SchemaLimits, SecretSource, SourceConfig, Standby, SyncMode, TableConfig,
    TableEvolution, Verification, WarpConfig, WriteMode,
};
pub use table_lists::TableLists;
pub use values::{
    ByteCount, ConnectionString, Create, DeadLetterLimit, HashKey, Interval, Names, Patterns,
    Resync, Schedule, TableName,
};
