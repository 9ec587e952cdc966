//! Encoded values as parameters of prepared statements.

use std::error::Error;
use std::fmt;

use bytes::{BufMut, BytesMut};
use postgresql_client::tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// The binary form of a value, or NULL. The statement has said of which type it is.
pub(crate) struct Raw<'a>(pub(crate) Option<&'a [u8]>);

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rows are nobody's business.
        f.write_str("Raw(…)")
    }
}

impl ToSql for Raw<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(bytes) = self.0 else { return Ok(IsNull::Yes) };
        out.put_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
