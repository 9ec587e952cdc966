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
    /// Folders by the source's commit time (UTC), which readers take for columns. Files that are there
    /// when it changes stay where they are.
    pub partition_by: PartitionBy,
    /// Whether small files are merged into larger ones, a little with each commit. Off: commits are
    /// cheaper, and each leaves a file per table for ever.
    pub compact: bool,
    /// The size, in bytes, that merging aims at: files of less than a quarter of it are merged into ones
    /// of at most about as much. More: fewer files for readers to open; less: each row is rewritten
    /// fewer times.
    #[schemars(range(min = 65_536, max = 1_073_741_824))]
    pub target_file_bytes: u64,
    /// Seconds that a file stays on the disk once others stand for it or its table began anew: longer
    /// than any query that began by an older list takes. More: more room on the disk.
    #[schemars(range(max = 604_800))]
    pub keep_replaced_seconds: u64,
    /// Commits after which the manifest log is folded into a checkpoint. More: fewer rewrites of the
    /// file list; fewer: less to read at a start.
    #[schemars(range(min = 1, max = 100_000))]
    pub checkpoint_commits: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: Format::Ndjson,
            compression: Compression::Snappy,
            partition_by: PartitionBy::None,
            compact: true,
            target_file_bytes: 128 << 20,
            keep_replaced_seconds: 3600,
            checkpoint_commits: 100,
        }
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

/// By what a table's files lie in folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartitionBy {
    /// All in the table's own.
    None,
    /// `_month=2026-11/`.
    Month,
    /// `_date=2026-11-29/`.
    Day,
    /// `_date=2026-11-29/_hour=05/`.
    Hour,
}

impl PartitionBy {
    /// The columns that readers see beside those of the files.
    pub(crate) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Month => &["_month"],
            Self::Day => &["_date"],
            Self::Hour => &["_date", "_hour"],
        }
    }
}
