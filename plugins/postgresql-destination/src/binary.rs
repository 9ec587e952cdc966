//! The server's binary form: how its types are numbered, and how a field begins.

use postgresql_client::tokio_postgres::types::Type;

/// Stands where a field's length would.
pub(crate) const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// The server's number for a type that is sent.
pub(crate) fn oid(sent_as: &str) -> u32 {
    match sent_as {
        "smallint" => Type::INT2,
        "integer" => Type::INT4,
        "bigint" => Type::INT8,
        "real" => Type::FLOAT4,
        "double precision" => Type::FLOAT8,
        "numeric" => Type::NUMERIC,
        "boolean" => Type::BOOL,
        "date" => Type::DATE,
        "time without time zone" => Type::TIME,
        "time with time zone" => Type::TIMETZ,
        "timestamp without time zone" => Type::TIMESTAMP,
        "timestamp with time zone" => Type::TIMESTAMPTZ,
        "uuid" => Type::UUID,
        "json" => Type::JSON,
        "jsonb" => Type::JSONB,
        "bytea" => Type::BYTEA,
        "character varying" => Type::VARCHAR,
        "character" => Type::BPCHAR,
        "name" => Type::NAME,
        "oid" => Type::OID,
        "interval" => Type::INTERVAL,
        "bit" => Type::BIT,
        "bit varying" => Type::VARBIT,
        "jsonpath" => Type::JSONPATH,
        "pg_lsn" => Type::PG_LSN,
        "inet" => Type::INET,
        "cidr" => Type::CIDR,
        "macaddr" => Type::MACADDR,
        "macaddr8" => Type::MACADDR8,
        "point" => Type::POINT,
        _ => Type::TEXT,
    }
    .oid()
}

/// Writes a field: its length, and what `write` writes. None where that is none, or over 2 GiB.
pub(crate) fn sized(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Option<()>,
) -> Option<()> {
    let begin = out.len();
    out.extend_from_slice(&NULL);
    write(out)?;
    let length = i32::try_from(out.len() - begin - NULL.len()).ok()?;
    out[begin..begin + NULL.len()].copy_from_slice(&length.to_be_bytes());
    Some(())
}

/// A field without its length; none for NULL.
pub(crate) fn value(field: &[u8]) -> Option<&[u8]> {
    field.strip_prefix(&NULL).map_or_else(|| field.get(4..), |_| None)
}
