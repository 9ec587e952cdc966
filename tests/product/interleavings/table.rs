//! A table as the writer believes it to be: what the next operation may be about.

use fastrand::Rng;

/// Types of columns that operations add, change to and fill.
pub const TYPES: &[&str] = &[
    "int",
    "bigint",
    "text",
    "numeric",
    "numeric(12,3)",
    "jsonb",
    "timestamptz",
    "boolean",
    "float8",
];
/// Keys are few, so that operations meet the same rows.
const KEYS: u32 = 30;
/// So are names of new columns.
const NAMES: u32 = 3;

#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    /// Names and types, without the key `id` and the second key `part`.
    pub columns: Vec<(String, String)>,
    /// Its rows are in two partitions.
    pub partitioned: bool,
    /// Names that were given to columns.
    named: u32,
}

impl Table {
    pub fn new(name: String, partitioned: bool) -> Self {
        let columns = [("a", "int"), ("b", "text"), ("big", "text")];
        let columns = columns.map(|(name, kind)| (name.to_owned(), kind.to_owned())).to_vec();
        Self { name, columns, partitioned, named: 0 }
    }

    /// Makes the table, with some rows.
    pub fn create(&self, random: &mut Rng) -> String {
        let name = &self.name;
        let columns =
            "id int, part int NOT NULL DEFAULT 0, a int, b text, big text, PRIMARY KEY (id)";
        let table = match self.partitioned {
            true => format!(
                "CREATE TABLE {name} ({columns}) PARTITION BY RANGE (id);
                 CREATE TABLE {name}_low PARTITION OF {name} FOR VALUES FROM (MINVALUE) TO (15);
                 CREATE TABLE {name}_high PARTITION OF {name} FOR VALUES FROM (15) TO (MAXVALUE);
                 ALTER TABLE {name}_low ALTER big SET STORAGE EXTERNAL;
                 ALTER TABLE {name}_high ALTER big SET STORAGE EXTERNAL"
            ),
            false => format!(
                "CREATE TABLE {name} ({columns}); ALTER TABLE {name} ALTER big SET STORAGE EXTERNAL"
            ),
        };
        format!("{table}; {}", self.insert(random))
    }

    /// A name that other columns may have had, or have.
    pub fn new_name(&mut self) -> String {
        self.named += 1;
        format!("c{}", self.named % NAMES)
    }

    /// Any column but the key.
    pub fn column(&self, random: &mut Rng) -> (String, String) {
        let none = || ("absent".to_owned(), "int".to_owned());
        random.choice(&self.columns).cloned().unwrap_or_else(none)
    }

    pub fn insert(&self, random: &mut Rng) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let mut row = || {
            let values: Vec<String> =
                self.columns.iter().map(|(_, kind)| value(random, kind)).collect();
            format!("({}, {}, {})", random.u32(0..KEYS), random.u8(0..3), values.join(", "))
        };
        let rows: Vec<String> = (0..4).map(|_| row()).collect();
        format!(
            "INSERT INTO {} (id, part, {}) VALUES {} ON CONFLICT DO NOTHING",
            self.name,
            names.join(", "),
            rows.join(", ")
        )
    }

    /// A condition that some rows meet.
    pub fn some(&self, random: &mut Rng) -> String {
        match random.bool() {
            true => format!("id = {}", random.u32(0..KEYS)),
            false => format!("id % {} = 0", random.u8(2..6)),
        }
    }
}

/// A value of a type as SQL; now and then none, or one that is stored out of line.
pub fn value(random: &mut Rng, kind: &str) -> String {
    if random.u8(0..6) == 0 {
        return "NULL".to_owned();
    }
    match kind {
        "boolean" => random.bool().to_string(),
        "jsonb" => format!("'{{\"k\": {}}}'", random.u16(..)),
        "timestamptz" | "timestamp with time zone" => {
            format!("timestamptz '2020-01-01' + interval '{} s'", random.u32(..))
        }
        "float8" | "double precision" => format!("{}.5", random.u16(..)),
        "text" if random.u8(0..3) == 0 => format!("repeat('{:x}', 600)", random.u64(..)),
        // Whatever becomes a number may become one again.
        _ => format!("'{}'", random.u16(..)),
    }
}
