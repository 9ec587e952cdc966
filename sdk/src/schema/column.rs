//! One column and its Arrow field.

use arrow_schema::Field;

use super::{ColumnIdentity, ColumnType};
use crate::Failure;

/// Metadata key: the source's own type name, where Arrow's is not exact.
const TYPE_KEY: &str = "warp:type";
/// Metadata key: `false` where the source promises a value.
const NULLABLE_KEY: &str = "warp:nullable";
/// Metadata key: what mends it that the source cannot have the column's values.
const UNREADABLE_KEY: &str = "warp:unreadable";
/// Metadata key: `true` where the column's addition may have filled rows without a change.
const FILLED_KEY: &str = "warp:filled";
/// Metadata key: `true` where no value of the column was seen, so that its type is a guess.
const UNSEEN_KEY: &str = "warp:unseen";

/// A column of a table.
///
/// ```
/// use cartridge_warp_sdk::{Column, ColumnType};
///
/// let id = Column::new("id", ColumnType::BigInt).required();
/// let huge = Column::new("huge", ColumnType::String).origin("numeric(100,2)");
/// assert!(!id.nullable && huge.origin_type.as_deref() == Some("numeric(100,2)"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in the source.
    pub name: String,
    /// What it holds.
    pub column_type: ColumnType,
    /// False where the source promises a value in inserts and updates.
    pub nullable: bool,
    /// The source's own type name, where the model's is not exact.
    pub origin_type: Option<String>,
    /// Rows that were there when it was added may have got a value of which the change stream says
    /// nothing. Such a table is copied again where the source has the capability `silent-rewrites`.
    pub filled: bool,
    /// No value of it was seen, so its type is a guess: a column of the name that is known keeps its
    /// type. A source says it; rows with a value in the column must not.
    pub unseen: bool,
    /// Which column it is beside its name, where the source knows. A source says it; a destination
    /// has no use for it and reads none.
    pub identity: Option<ColumnIdentity>,
    /// The source cannot have its values, and this mends it (`GRANT SELECT …`). Only a table that is
    /// described has such a column, never a batch; the host refuses the table unless the operator leaves
    /// the column out. A source says it; a destination never gets one.
    pub unreadable: Option<String>,
}

impl Column {
    /// A nullable column.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        Self {
            name: name.into(),
            column_type,
            nullable: true,
            origin_type: None,
            filled: false,
            unseen: false,
            identity: None,
            unreadable: None,
        }
    }

    /// The source promises a value.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// Remembers the source's own type name.
    #[must_use]
    pub fn origin(mut self, type_name: impl Into<String>) -> Self {
        self.origin_type = Some(type_name.into());
        self
    }

    /// Rows that were there when it was added may have got a value without a change.
    #[must_use]
    pub fn filled(mut self) -> Self {
        self.filled = true;
        self
    }

    /// No value of it was seen: its type is a guess.
    #[must_use]
    pub fn unseen(mut self) -> Self {
        self.unseen = true;
        self
    }

    /// Says which column it is.
    #[must_use]
    pub fn identified(mut self, identity: ColumnIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Says that the source cannot have its values, and what mends that.
    #[must_use]
    pub fn unreadable(mut self, mended_by: impl Into<String>) -> Self {
        self.unreadable = Some(mended_by.into());
        self
    }

    /// The Arrow field: always nullable, since a delete carries only the key.
    pub fn to_field(&self) -> Field {
        let mut field = self.column_type.field(&self.name);
        let mut metadata = field.metadata().clone();
        if !self.nullable {
            metadata.insert(NULLABLE_KEY.to_owned(), "false".to_owned());
        }
        if let Some(origin) = &self.origin_type {
            metadata.insert(TYPE_KEY.to_owned(), origin.clone());
        }
        if self.filled {
            metadata.insert(FILLED_KEY.to_owned(), "true".to_owned());
        }
        if self.unseen {
            metadata.insert(UNSEEN_KEY.to_owned(), "true".to_owned());
        }
        if let Some(identity) = &self.identity {
            metadata.extend(identity.metadata());
        }
        if let Some(mended_by) = &self.unreadable {
            metadata.insert(UNREADABLE_KEY.to_owned(), mended_by.clone());
        }
        field.set_metadata(metadata);
        field
    }

    /// Reads a column off its Arrow field.
    ///
    /// # Errors
    /// `stop` when the Arrow type is none of the batch format's.
    pub fn from_field(field: &Field) -> Result<Self, Failure> {
        Ok(Self {
            name: field.name().clone(),
            column_type: ColumnType::of_field(field)?,
            nullable: field.metadata().get(NULLABLE_KEY).is_none_or(|value| value != "false"),
            origin_type: field.metadata().get(TYPE_KEY).cloned(),
            filled: field.metadata().get(FILLED_KEY).is_some_and(|value| value == "true"),
            unseen: field.metadata().get(UNSEEN_KEY).is_some_and(|value| value == "true"),
            identity: None,
            unreadable: None,
        })
    }
}
