//! Every bound on what a guest may take, say or return, by name.
//!
//! Nothing here is enforced: the modules that read guest data cite these. Invariants I7 and I8.

use std::{num::NonZeroU32, time::Duration};

use super::Bounds;

/// Largest component file.
pub const COMPONENT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Interfaces that a component may import and export, all together.
pub const COMPONENT_NAMES_MAX: usize = 10_000;
/// Largest compiled component; the host holds it twice while it is loaded.
pub const COMPILED_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Most component files in one directory.
pub const COMPONENTS_MAX: usize = 1_000;
/// How long a connector may take to say what it is.
pub const DESCRIBE_DEADLINE: Duration = Duration::from_secs(5);
/// Memory a connector may use to say what it is.
pub const DESCRIBE_MEMORY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What a connector may say it is, as the cache keeps it.
pub const DESCRIBE_ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Random bytes that a connector gets at once while it says what it is.
pub const DESCRIBE_RANDOM_BYTES_MAX: u64 = 64 * 1024;
/// How long a connection may take to disconnect.
pub const DISCONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How much longer than its deadline a call may last before its thread counts as stuck, e.g. in a
/// file operation on a disk that does not answer. Then it is left behind.
pub const STUCK_AFTER: Duration = Duration::from_secs(2);
/// Calls that wait for their turn on one connection.
pub const CALLS_QUEUED_MAX: usize = 8;

/// Names of connectors and ids of schemas.
pub const WORD_BYTES_MAX: usize = 64;
/// Names of tables, columns and streams.
pub const NAME_BYTES_MAX: usize = 512;
/// Which tables a connection means.
pub const IDENTITY_BYTES_MAX: usize = 512;
/// How a destination may name the place of a table.
pub const PLACE_BYTES_MAX: usize = 4096;
/// Sentences: messages, descriptions, reasons.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// Further lines of a failure.
pub const DETAIL_BYTES_MAX: usize = 16 * 1024;
/// A dead letter's row.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// The key of a dead letter: one that is larger is not kept.
pub const KEY_BYTES_MAX: usize = 16 * 1024;
/// JSON Schema of a connector's options.
pub const OPTIONS_SCHEMA_BYTES_MAX: usize = 1024 * 1024;
/// Its parts, with references written out.
pub const OPTIONS_SCHEMA_NODES_MAX: usize = 50_000;
/// Schemas within schemas of it, with references written out.
pub const OPTIONS_SCHEMA_DEPTH_MAX: usize = 64;
/// Its regular expressions, with references written out: each may be compiled to half a megabyte.
pub const OPTIONS_PATTERNS_MAX: usize = 64;
/// Errors reported about one set of options.
pub const OPTION_ERRORS_MAX: usize = 50;
pub const CAPABILITIES_MAX: usize = 64;
pub const WANTED_GRANTS_MAX: usize = 64;

/// All chunks of a table together: they are stored in one marker, where a byte takes up to four.
pub const PLAN_BYTES_MAX: usize = 3 << 20;
/// Positions, cursors and chunk descriptors.
pub const POSITION_BYTES_MAX: usize = crate::model::Position::BYTES_MAX;
pub const MARKER_BYTES_MAX: usize = crate::model::Marker::VALUE_BYTES_MAX;
pub const CHUNK_ID_BYTES_MAX: usize = 128;
pub const CHUNKS_MAX: usize = 65_536;
/// Tables of a schema, and table batches of one answer.
pub const TABLES_MAX: usize = 10_000;
pub const SCHEMA_CHANGES_MAX: usize = 10_000;
/// What a source removed for a pipeline, and what it kept.
pub const RELEASED_MAX: usize = 1_000;
/// Indexes of a table, and things that it has and nobody can tell.
pub const EXTRAS_MAX: usize = 1_000;
/// Columns of an index.
pub const INDEX_COLUMNS_MAX: usize = 64;
/// What is said of a table or a column.
pub const COMMENT_BYTES_MAX: usize = 8 * 1024;
/// Dead letters of one answer, or as many as rows were asked for if that is more.
pub const DEAD_LETTERS_MAX: usize = 10_000;
/// Schemas that one connection may register, and the bytes of their messages.
pub const SCHEMAS_MAX: usize = 20_000;
pub const SCHEMAS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Columns of a table, nested ones counted.
pub const COLUMNS_MAX: usize = 4_096;
pub const SCHEMA_MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Names, time zones and metadata of all columns together, counted where they are used, so that a message that
/// points to one long text a thousand times does not grow when it is read.
pub const SCHEMA_TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Functions of a guest that an error names, and the bytes of each name.
pub const FRAMES_SHOWN_MAX: usize = 8;
pub const FRAME_BYTES_MAX: usize = 160;
/// The newest lines of a connector's log that an error repeats, and the bytes of each.
pub const LAST_LINES_MAX: usize = 5;
pub const LAST_LINE_BYTES_MAX: usize = 256;

/// One line of a connector's log, as it is written: with its time and names, and escaped.
pub const LOG_LINE_BYTES_MAX: usize = 8 * 1024;
/// What of it is the host's: the time, and the names of plugin, schema, table, run and call.
pub const LOG_HEAD_BYTES_MAX: usize = 2 * 1024;
pub const LOG_FIELDS_MAX: usize = 32;
/// A connector's own metrics, each of counters and gauges.
pub const METRIC_NAMES_MAX: usize = 64;

/// Element count of one table of functions or references.
pub const TABLE_ELEMENTS_MAX: usize = 1_000_000;
/// What wasmtime 48 keeps for an element of a table of functions on a 64-bit machine
/// (`FuncTableElem` in its `runtime/vm/table.rs`; references take half of that).
pub const TABLE_ELEMENT_BYTES: u64 = 8;
/// What one read of a file answers; a guest reads on. It lies twice in memory for as long as the guest
/// takes to make room for it.
pub const READ_BYTES_MAX: usize = 1 << 20;
/// What the globals and functions of one instance may take of the host's memory.
pub const CONTEXT_BYTES_MAX: u64 = 32 << 20;
/// A global of a core module, or one that it imports.
pub const GLOBAL_BYTES: u64 = 16;
/// A function that may be handed on.
pub const FUNCTION_BYTES: u64 = 32;
/// Core instances within one component; a Python connector has some dozens, one per library.
pub const INSTANCES_MAX: usize = 250;
/// Tables within one component: each library may bring one.
pub const FUNCTION_TABLES_MAX: usize = 250;
/// Linear memories within one component: one, as a rule, and one more for each component that was
/// composed into it. Each takes [`MEMORY_RESERVED_BYTES`] of the address space.
pub const MEMORIES_MAX: usize = 4;
/// Address space that wasmtime reserves for a linear memory, so that it needs no bounds checks:
/// what 32 bits reach, with a guard on either side.
pub const MEMORY_RESERVED_BYTES: u64 = (4 << 30) + 2 * (32 << 20);
/// What a connection costs beside its guest's memory: the guest's own stack, of which wasmtime lets it
/// have 512 KiB, and the engine's records. Threads are shared by all, and few.
pub const CONNECTION_BYTES: u64 = 640 * 1024;
/// What the host keeps for a column of a decoded batch, beside its values.
pub const BATCH_COLUMN_BYTES: u64 = 256;
/// What the host keeps for a dead letter or a chunk, beside its texts.
pub const RECORD_BYTES: u64 = 256;

/// Resources that a guest may hold open: files, streams, timers.
pub const HANDLES_MAX: usize = 10_000;
/// What a call may move in any case, for answers without rows.
pub const HOSTCALL_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// The weight of labels that were given none.
pub const CPU_WEIGHT: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// What one connection may use. The operator sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All linear memories and tables of the instance together.
    pub memory_max_bytes: u64,
    /// How long a call may take, without the time it was asked to wait.
    pub call_deadline: Duration,
    pub log_lines_per_second: u32,
    /// How large a share of the CPU the label's instances get while it is short, beside others.
    pub cpu_weight: NonZeroU32,
    /// Largest answer or request in encoded rows; a call that moves more than about twice as much
    /// ends the connection.
    pub message_bytes_max: u64,
    /// What all instances of the connector together may make the host hold.
    pub bounds: Bounds,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_max_bytes: 512 * 1024 * 1024,
            call_deadline: Duration::from_secs(60),
            log_lines_per_second: 100,
            cpu_weight: CPU_WEIGHT,
            message_bytes_max: 64 * 1024 * 1024,
            bounds: Bounds::UNBOUNDED,
        }
    }
}

/// Upper bounds of one reading call; reaching any of them ends the call normally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    pub rows_max: u32,
    pub bytes_max: u64,
    /// How long the call may block when there is nothing to return.
    pub wait: Duration,
}
