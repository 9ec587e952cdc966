//! What the declared type of an existing column does to values.
//!
//! SQLite converts what it stores towards the column's affinity: the text `007` becomes 7 in an
//! integer column. A table that would do so is not adopted.

use crate::storage::Storage;

/// SQLite's type affinities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

impl Affinity {
    /// SQLite's own rules for a declared type, in their order.
    pub(crate) fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
        if has(&["INT"]) {
            Self::Integer
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            Self::Text
        } else if declared.is_empty() || has(&["BLOB"]) {
            Self::Blob
        } else if has(&["REAL", "FLOA", "DOUB"]) {
            Self::Real
        } else {
            Self::Numeric
        }
    }

    /// Whether every value of that storage class comes back as it was.
    pub(crate) fn keeps(self, storage: Storage) -> bool {
        match storage {
            Storage::Blob => true,
            Storage::Text => matches!(self, Self::Text | Self::Blob),
            Storage::Integer => !matches!(self, Self::Real),
            // Text would round to 15 digits.
            Storage::Real => !matches!(self, Self::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_have_sqlites_affinities_and_keep_what_they_can() {
        for (declared, affinity, kept) in [
            ("BIGINT", Affinity::Integer, vec![Storage::Integer, Storage::Real, Storage::Blob]),
            ("varchar(10)", Affinity::Text, vec![Storage::Integer, Storage::Text, Storage::Blob]),
            (
                "",
                Affinity::Blob,
                vec![Storage::Integer, Storage::Real, Storage::Text, Storage::Blob],
            ),
            ("double precision", Affinity::Real, vec![Storage::Real, Storage::Blob]),
            (
                "DECIMAL(10,2)",
                Affinity::Numeric,
                vec![Storage::Integer, Storage::Real, Storage::Blob],
            ),
        ] {
            let found = Affinity::of(declared);
            assert_eq!(found, affinity, "{declared}");
            let all = [Storage::Integer, Storage::Real, Storage::Text, Storage::Blob];
            let keeps: Vec<_> = all.into_iter().filter(|storage| found.keeps(*storage)).collect();
            assert_eq!(keeps, kept, "{declared}");
        }
    }
}
