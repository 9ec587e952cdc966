//! What a file's name says: its table, its format, and its place among rotated files.

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Fields between delimiters, one record a line, quoted where needed.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// Columns, never changed once written.
    Parquet,
}

/// The extensions of compressors.
const COMPRESSORS: [&str; 6] = ["gz", "zst", "bz2", "xz", "lz4", "br"];

/// A file's name taken apart: `orders.ndjson.2` is a rotated `orders.ndjson`, as
/// `orders.ndjson-20240501` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    /// Before the format's extension.
    pub stem: String,
    /// The format.
    pub format: Format,
    /// After it; empty for the file that is being written.
    pub rotation: String,
}

/// Order of reading: rotated files before the one being written, and of numbered ones the highest,
/// which is the oldest, first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadingOrder(String, bool, std::cmp::Reverse<u64>, String);

impl FileName {
    /// None for files that are no data: other extensions, hidden and temporary files.
    pub fn parse(name: &str) -> Option<Self> {
        if name.starts_with(['.', '_']) {
            return None;
        }
        let mut from = 0;
        while let Some(at) = name[from..].find('.').map(|at| from + at) {
            let (extension, rotation) =
                name[at + 1..].split_once(['.', '-']).unwrap_or((&name[at + 1..], ""));
            let format = match extension.to_ascii_lowercase().as_str() {
                "csv" => Some(Format::Csv),
                "ndjson" | "jsonl" => Some(Format::Ndjson),
                "parquet" => Some(Format::Parquet),
                _ => None,
            };
            if let Some(format) = format
                && at > 0
            {
                let rotated = rotation.starts_with(|first: char| first.is_ascii_digit())
                    && rotation
                        .bytes()
                        .all(|byte| byte.is_ascii_digit() || b"-_:T".contains(&byte));
                return (rotation.is_empty() || rotated).then(|| Self {
                    stem: name[..at].to_owned(),
                    format,
                    rotation: rotation.to_owned(),
                });
            }
            from = at + 1;
        }
        None
    }

    /// Whether a name is that of a data file with the extension of a compressor behind it.
    pub fn is_compressed(name: &str) -> bool {
        let stem = name.rsplit_once('.').filter(|(_, last)| COMPRESSORS.contains(last));
        stem.is_some_and(|(stem, _)| Self::parse(stem).is_some())
    }

    /// Whether a name is that of a log beside files, which says which of them count (Delta Lake, Hudi): without
    /// it rows that were replaced would be read.
    pub fn is_of_versions(name: &str) -> bool {
        matches!(name, "_delta_log" | ".hoodie")
    }

    /// See [`ReadingOrder`].
    pub fn order(&self) -> ReadingOrder {
        // Dates have more digits than any count of rotated files, and their own order is right.
        let number = self.rotation.parse::<u64>().ok().filter(|_| self.rotation.len() < 6);
        ReadingOrder(
            self.stem.clone(),
            self.rotation.is_empty(),
            std::cmp::Reverse(number.unwrap_or(0)),
            self.rotation.clone(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_table_format_and_rotation() {
        for (name, expected) in [
            ("orders.csv", Some(("orders", Format::Csv, ""))),
            ("orders.JSONL", Some(("orders", Format::Ndjson, ""))),
            ("orders.csv.2", Some(("orders", Format::Csv, "2"))),
            ("orders.csv-20240501", Some(("orders", Format::Csv, "20240501"))),
            ("orders.csv-2024-05-01T10:00", Some(("orders", Format::Csv, "2024-05-01T10:00"))),
            ("a.b.parquet", Some(("a.b", Format::Parquet, ""))),
            ("orders.csv.gz", None),
            ("orders.csv-20240501.gz", None),
            ("orders.csv-old", None),
            ("orders.csv.tmp", None),
            (".orders.csv", None),
            ("_orders.csv", None),
            ("orders.txt", None),
        ] {
            let parsed = FileName::parse(name);
            let parsed = parsed.as_ref().map(|n| (n.stem.as_str(), n.format, n.rotation.as_str()));
            assert_eq!(parsed, expected, "{name}");
        }
    }
}
