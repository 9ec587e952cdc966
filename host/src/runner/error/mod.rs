//! Why a schema stopped, or has to try again.

mod meaning;

use std::error::Error;

use miette::Diagnostic;
use thiserror::Error;

use crate::{
    config::Unread,
    model::TablePlace,
    plugin::{FENCED_HELP, GrantError, OpenError, PluginError, ProtectedError, SecretError},
};

use super::{
    advice::{decision, flags, full_resync},
    names,
};

/// A marker that cannot be read: written by another version, or damaged.
#[derive(Debug, thiserror::Error)]
#[error("marker `{stream}` of schema `{schema}` cannot be read")]
pub struct UnreadableMarker {
    pub schema: String,
    pub stream: String,
    #[source]
    pub cause: serde_json::Error,
}

/// What ends an attempt to run a schema.
#[derive(Debug, Error, Diagnostic)]
pub enum RunError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Plugin(#[from] PluginError),

    #[error(transparent)]
    #[diagnostic(
        code("grant"),
        help("set the key that the connector needs, see `connectors inspect`")
    )]
    Grant(#[from] GrantError),

    #[error(transparent)]
    #[diagnostic(
        code("grant-protected"),
        help(
            "a connector could read or change what the host itself relies on; keep its data in a \
             directory of its own, such as ./data beside the configuration"
        )
    )]
    Protected(#[from] ProtectedError),

    #[error("{role}: {cause}")]
    #[diagnostic(
        code("grant-unavailable"),
        help("make it, or name another place; links count only where no connector may write")
    )]
    Unavailable { role: &'static str, cause: OpenError },

    #[error("`{key}.connection_string_file` {cause}")]
    #[diagnostic(code("connection-string-file"), help("check the file's path and permissions"))]
    ConnectionFile { key: &'static str, cause: Unread },

    #[error("`{key}`: {cause}")]
    #[diagnostic(
        code("secret"),
        help(
            "see that the place named by the key has the secret; the pipeline asks again by itself"
        )
    )]
    Secret { key: String, cause: SecretError },

    #[error(transparent)]
    #[diagnostic(
        code("marker-unreadable"),
        help("it was written by another version, or damaged: run that version, or --full-resync")
    )]
    Marker(#[from] UnreadableMarker),

    /// The configuration asks for what this source, destination or table cannot do.
    #[error("{what}")]
    #[diagnostic(code("unusable-configuration"), help("{help}"))]
    Unusable { what: String, help: String },

    /// What a table became at its source cannot be kept the way the configuration asks for.
    #[error("{what}")]
    #[diagnostic(code("unfit-table"), help("{help}"))]
    Unfit { table: String, what: String, help: String },

    #[error("which tables of schema `{schema}` are parked was changed meanwhile")]
    #[diagnostic(code("parked-meanwhile"), help("start again: that goes on as it is now"))]
    ParkedMeanwhile { schema: String },

    #[error("schema `{schema}` is held by a run that has not given it back")]
    #[diagnostic(
        code("schema-held"),
        help(
            "stop that run first, which goes on as it began otherwise; a run on this machine takes orders \
             by its control socket, which the same configuration finds. Where its process is \
             gone, --take-over takes the schema (a run that is not gone ends with exit code 5)"
        )
    )]
    Held { schema: String },

    /// A table that the source has only since the first run, with `on_new_table: stop`.
    #[error("schema `{schema}` has a new table, `{table}`, and `on_new_table` is `stop`")]
    #[diagnostic(
        code("new-table"),
        help(
            "name it under `tables` to have it copied, or in `table_blacklist` to leave it out; \
             `on_new_table` (copy, log-only, ignore) decides about all that come"
        )
    )]
    NewTable { schema: String, table: String },

    #[error("fenced: another runner owns schema `{schema}`")]
    #[diagnostic(code("fenced"), help("{}", FENCED_HELP))]
    Fenced { schema: String },

    #[error(
        "schema `{schema}` of the destination is kept by pipeline `{owner}`; this one is `{pipeline}`"
    )]
    #[diagnostic(
        code("another-pipeline"),
        help(
            "if that is another pipeline, give this one a destination database of its own: two in one \
             schema would replace each other's rows. If it is this one, which reads from another address \
             now, set `name` to what it was, or hand its state over with `cartridge-warp adopt`"
        )
    )]
    OtherPipeline { schema: String, owner: String, pipeline: String },

    #[error(
        "a newer version stored the state of schema `{schema}` at the destination: its layout is number \
         {found}, this version knows layouts up to {known}"
    )]
    #[diagnostic(
        code("newer-state"),
        help(
            "nothing was read by it and nothing was written: run the version that stored it, or a newer one"
        )
    )]
    NewerState { schema: String, found: u64, known: u64 },

    #[error(
        "tables `{other}` and `{of}` of the source would be one table of the destination: `{of}` is to \
         be kept as `{place}`"
    )]
    #[diagnostic(
        code("table-place-taken"),
        help(
            "nothing was written; keep one of them under another name: `destination_table` of the table, \
             or `destination_schema`, `table_prefix` or `table_suffix` of its schema. If `{other}` is not \
             copied any more, drop or rename its table at the destination"
        )
    )]
    PlaceTaken { of: TablePlace, other: Box<TablePlace>, place: Box<TablePlace> },

    #[error(
        "table `{of}` is to be kept as `{place}` from now on, and a table that is none of this \
         pipeline's is there already"
    )]
    #[diagnostic(
        code("table-place-full"),
        help(
            "nothing was written, since the copy would begin by emptying it; choose another name, or drop \
             or rename that table at the destination"
        )
    )]
    PlaceFull { of: TablePlace, place: TablePlace },

    #[error("table `{table}`: {change} refused: {reason}")]
    #[diagnostic(
        code("schema-change-refused"),
        help(
            "nothing was written after the change; set the key above, then start again: the stream goes on \
             where it stopped. Or copy the table anew as it is now, with {}",
            full_resync(schema, table)
        )
    )]
    ChangeRefused { schema: String, table: String, change: String, reason: String },

    #[error("table `{table}`: {change} waits for a person: {reason}")]
    #[diagnostic(
        code("schema-change-unapproved"),
        help(
            "nothing was written after the change; {}, and start again. Or copy the table anew as it is now, \
             with {}",
            decision(schema, table),
            full_resync(schema, table)
        )
    )]
    ChangeUnapproved { schema: String, table: String, change: String, reason: String },

    #[error(
        "the destination's table `{table}` cannot take its new shape and is not made anew: {reason}"
    )]
    #[diagnostic(
        code("table-not-replaced"),
        help(
            "drop the table at the destination (rename it to keep what it holds), then start again: \
        that goes on with the copy"
        )
    )]
    NotReplaced {
        table: String,
        reason: String,
        #[source]
        cause: Box<PluginError>,
    },

    #[error("table `{table}`, {origin}: {message}")]
    #[diagnostic(
        code("row-refused"),
        help(
            "mend the row at its source, or let it go to the dead \
        letters: {key}"
        )
    )]
    RowRefused { table: String, origin: String, message: String, key: &'static str },

    #[error("the source sends rows of table `{table}`, which it never described")]
    #[diagnostic(code("unknown-table"), help("this is a defect of the source connector"))]
    UnknownTable { table: String },

    #[error("schema `{schema}` has no table to copy{}", hint(.listed))]
    #[diagnostic(code("no-tables"), help("check the schema's name and the table lists"))]
    NoTables { schema: String, listed: Vec<String> },

    #[error("rows of table `{table}` cannot be re-encoded")]
    #[diagnostic(
        code("encode"),
        help(
            "a value has no exact form in the column that its table got; mend it at the source, or copy \
             the table anew (`cartridge-warp resync`)"
        )
    )]
    Encode {
        table: String,
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },

    #[error("schema `{schema}` ended by a panic of the host")]
    #[diagnostic(
        code("host-defect"),
        help("please report it with the log; nothing uncommitted was kept")
    )]
    Died { schema: String },

    #[error("rows of table `{table}` got new values by a change of shape, so it is copied again")]
    #[diagnostic(code("copy-again"), help("start again: that goes on with the copy"))]
    CopyAgain { table: String },

    /// What a source's failure is about is marked to be copied again.
    #[error("{cause}; copied again: {tables}")]
    #[diagnostic(code("copy-again"), help("start again: that goes on with the copy"))]
    SomeCopiedAgain { tables: String, cause: Box<PluginError> },

    #[error(
        "plugin `{plugin}` reached `limits.{key}` of schema `{schema}` at table `{table}`: {found}"
    )]
    #[diagnostic(
        code("quota"),
        help(
            "nothing beyond it was written. Look at what the source sends; if it may, raise \
            `schemas[].limits.{key}` of the schema and start again: it goes on where it stopped"
        )
    )]
    Quota { plugin: String, schema: String, table: String, key: &'static str, found: String },

    #[error("table `{table}` has {found} (`dead_letter_limit`)")]
    #[diagnostic(
        code("dead-letter-limit"),
        help(
            "look at them (`cartridge-warp dlq list {}`), mend what makes rows unfit (the rows, the \
             destination's table, or the table's rules), and have the table copied anew, which settles them: \
             {}; or raise the limit",
            flags(schema, table),
            full_resync(schema, table)
        )
    )]
    DeadLetterLimit { schema: String, table: String, found: String },

    #[error(
        "destination `{plugin}` keeps no dead letters of schema `{schema}` that can be read back"
    )]
    #[diagnostic(
        code("no-letters"),
        help(
            "look at where it keeps them: its documentation says so; a newer version of the connector may be \
            able to"
        )
    )]
    NoLetters { plugin: String, schema: String },

    /// The operator lets the source keep so much log and no more.
    #[error(
        "the source kept more log than `source.max_retained` ({max}) allows, so it is given up: {words}"
    )]
    #[diagnostic(
        code("log-released"),
        help(
            "the changes after the last commit are lost to this pipeline: find out why it did not follow, then \
             run again with --full-resync, or set `on_lost_position: resync`"
        )
    )]
    LogReleased { words: String, max: String },

    #[error("plugin `{plugin}` looks no rows of schema `{schema}` up by their keys")]
    #[diagnostic(
        code("no-lookup"),
        help(
            "have the tables copied again, which settles their dead letters: `cartridge-warp resync SCHEMA.TABLE`"
        )
    )]
    NoLookup { plugin: String, schema: String },

    #[error("the source reads on without moving: {what}")]
    #[diagnostic(code("no-progress"), help("this is a defect of the source connector"))]
    NoProgress { what: String },
}

fn hint(listed: &[String]) -> String {
    if listed.is_empty() {
        return String::new();
    }
    format!(": the source lists {}, none of them is selected", names::listed(listed))
}
