//! Between the contract's records and the SDK's types.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::bindings::cartridge::warp::types as wit;
use crate::wire::{EncodedRows, decode_schema, encode_schema};
use crate::{
    ChangeKind, Config, DeadLetter, Description, Failure, GrantedPath, Limits, SchemaChange, Table,
    options, parse_options,
};

pub(super) fn failure(failure: Failure) -> wit::Failure {
    wit::Failure {
        action: failure.action.as_str().to_owned(),
        code: failure.code,
        message: failure.message,
        detail: failure.detail,
        retry_after_ms: failure
            .retry_after
            .map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)),
        tables: failure.tables,
    }
}

pub(super) fn info<O: schemars::JsonSchema>(
    role: &str,
    description: Description,
) -> wit::ConnectorInfo {
    let grant = |grant: crate::WantedGrant| wit::WantedGrant {
        kind: grant.kind,
        value: grant.value,
        reason: grant.reason,
    };
    wit::ConnectorInfo {
        name: description.name,
        role: role.to_owned(),
        version: description.version,
        description: description.description,
        capabilities: description.capabilities,
        options_schema: options::options_schema::<O>(),
        wanted_grants: description.wanted_grants.into_iter().map(grant).collect(),
    }
}

pub(super) fn config<O: DeserializeOwned>(
    config: wit::ConnectConfig,
) -> Result<Config<O>, Failure> {
    let path = |path: wit::GrantedPath| GrantedPath {
        key: path.key,
        configured: path.configured,
        guest_path: path.guest_path,
        writable: path.writable,
    };
    Ok(Config {
        connection_string: config.connection_string,
        options: parse_options(&config.options)?,
        settings: config.settings,
        paths: config.paths.into_iter().map(path).collect(),
    })
}

pub(super) fn limits(limits: wit::Limits) -> Limits {
    Limits {
        rows_max: limits.rows_max.max(1) as usize,
        bytes_max: limits.bytes_max,
        wait: Duration::from_millis(u64::from(limits.wait_ms)),
    }
}

pub(super) fn table_info(table: &Table) -> Result<wit::TableInfo, Failure> {
    Ok(wit::TableInfo {
        name: table.name.clone(),
        arrow_schema: encode_schema(&table.to_schema())?,
        key: table.key.clone(),
        estimated_rows: table.estimated_rows,
    })
}

pub(super) fn table(info: wit::TableInfo) -> Result<Table, Failure> {
    let mut table = Table::from_schema(info.name, &decode_schema(&info.arrow_schema)?, info.key)?;
    table.estimated_rows = info.estimated_rows;
    Ok(table)
}

pub(super) fn change_out(change: SchemaChange) -> Result<wit::SchemaChange, Failure> {
    Ok(wit::SchemaChange {
        kind: change.kind.as_str().to_owned(),
        table: change.table,
        column: change.column,
        new_name: change.new_name,
        after: change.after.as_ref().map(table_info).transpose()?,
    })
}

pub(super) fn change_in(change: wit::SchemaChange) -> Result<SchemaChange, Failure> {
    Ok(SchemaChange {
        kind: ChangeKind::from_word(&change.kind),
        table: change.table,
        column: change.column,
        new_name: change.new_name,
        after: change.after.map(table).transpose()?,
    })
}

pub(super) fn rows_out(rows: EncodedRows) -> wit::TableBatch {
    wit::TableBatch {
        table: rows.table,
        schema_id: rows.schema_id,
        arrow_schema: rows.arrow_schema,
        rows: rows.rows,
        row_count: rows.row_count,
    }
}

pub(super) fn rows_in(batch: wit::TableBatch) -> EncodedRows {
    EncodedRows {
        table: batch.table,
        schema_id: batch.schema_id,
        arrow_schema: batch.arrow_schema,
        rows: batch.rows,
        row_count: batch.row_count,
    }
}

pub(super) fn dead_letter_out(letter: DeadLetter) -> wit::DeadLetter {
    wit::DeadLetter {
        table: letter.table,
        operation: letter.operation,
        payload: letter.payload,
        code: letter.code,
        message: letter.message,
        origin: letter.origin,
        key: letter.key,
    }
}

pub(super) fn dead_letter_in(letter: wit::DeadLetter) -> DeadLetter {
    DeadLetter {
        table: letter.table,
        operation: letter.operation,
        payload: letter.payload,
        code: letter.code,
        message: letter.message,
        origin: letter.origin,
        key: letter.key,
    }
}
