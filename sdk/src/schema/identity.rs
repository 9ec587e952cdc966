//! Which column a column is.

/// Metadata key of [`ColumnIdentity::id`].
const ID_KEY: &str = "warp:id";
/// Metadata key of [`ColumnIdentity::type_id`].
const TYPE_ID_KEY: &str = "warp:type-id";
/// Metadata key of [`ColumnIdentity::stored`].
const STORED_KEY: &str = "warp:stored";

/// What tells a column from others that have its name, or had it, across runs. All words are opaque to
/// the host, which only compares them with those of its last look.
///
/// ```
/// use cartridge_warp_sdk::{Column, ColumnIdentity, ColumnType};
///
/// let identity = ColumnIdentity::new("16390.2", "25").stored("744", "16390");
/// let note = Column::new("note", ColumnType::String).identified(identity);
/// assert_eq!(note.to_field().metadata()["warp:stored"], "744 16390");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnIdentity {
    /// Stays for the life of the column, whatever it is called, and is no other's ever, in any
    /// table of the schema. No spaces.
    pub id: String,
    /// Changes with the type itself and with what the type consists of, so that a value may read
    /// otherwise. Where a type only gained values, it is the old text with `+` and more behind it.
    pub type_id: String,
    /// Two words with a space between. The first changes whenever the column's definition is
    /// touched, the second whenever the table's rows are written anew as a whole. Where both changed,
    /// rows may have other values of which the change stream says nothing.
    pub stored: Option<String>,
}

impl ColumnIdentity {
    /// A column and its type.
    pub fn new(id: impl Into<String>, type_id: impl Into<String>) -> Self {
        Self { id: id.into(), type_id: type_id.into(), stored: None }
    }

    /// Says when the definition was touched, and when the table was written anew.
    #[must_use]
    pub fn stored(mut self, definition: &str, rows: &str) -> Self {
        self.stored = Some(format!("{definition} {rows}"));
        self
    }

    pub(super) fn metadata(&self) -> impl Iterator<Item = (String, String)> {
        let known = [(ID_KEY, Some(&self.id)), (TYPE_ID_KEY, Some(&self.type_id))];
        let all = known.into_iter().chain([(STORED_KEY, self.stored.as_ref())]);
        all.filter_map(|(key, value)| Some((key.to_owned(), value?.clone())))
    }
}
