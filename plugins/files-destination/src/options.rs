//! What an operator may set under `destination.options`.

use schemars::JsonSchema;
use serde::Deserialize;

/// The connector's options.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// How rows are written. It may change between runs: the manifest names each file's format.
    pub format: Format,
    /// Compression of Parquet files; NDJSON is never compressed.
    pub compression: Compression,
    /// Commits after which the manifest log is folded into a checkpoint. More: fewer rewrites of the
    /// file list; fewer: less to read at a start.
    #[schemars(range(min = 1, max = 100_000))]
    pub checkpoint_commits: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { format: Format::Ndjson, compression: Compression::Snappy, checkpoint_commits: 100 }
    }
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object per line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The word in the manifest, which is also the file's ending.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }
}

/// Compression of Parquet files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Fast, about half the size.
    Snappy,
    /// None.
    None,
}
