//! What came of a comparison.

use std::collections::BTreeMap;

/// Differences that are shown; all are counted.
pub const SAMPLES_MAX: usize = 20;

/// What came of each table of a schema.
#[derive(Debug, Default)]
pub struct Verified(pub BTreeMap<String, Proof>);

/// What came of a table.
#[derive(Debug)]
pub enum Proof {
    Compared(Box<Compared>),
    /// Why it was not.
    NotCompared(String),
}

impl Proof {
    /// The table, if it was compared.
    pub fn compared(&self) -> Option<&Compared> {
        match self {
            Self::Compared(compared) => Some(compared),
            Self::NotCompared(_) => None,
        }
    }
}

/// A table whose rows were compared.
#[derive(Debug, Default)]
pub struct Compared {
    /// Rows that each side told; those of the source that cannot travel are among them.
    pub source_rows: u64,
    pub destination_rows: u64,
    pub seconds: f64,
    /// Rows that the source has and the destination lacks.
    pub missing: u64,
    /// Rows that the destination has and the source lacks.
    pub extra: u64,
    /// Rows that have other values.
    pub different: u64,
    /// Rows of which changes wait for the destination.
    pub in_flight: u64,
    /// Rows that differ, and of which it could not be told in time whether a change is on its way.
    pub undecided: u64,
    /// Why the first of them could not be decided.
    pub why_undecided: Option<String>,
    /// Rows that differ and are among the open dead letters.
    pub dead_letters: u64,
    /// Rows of the source that are any of the above.
    pub unequal: u64,
    /// Rows of the destination that are marked as deleted.
    pub deleted: u64,
    /// Rows of the source in groups that differ and were not looked into, since they are too many at once, and how
    /// many groups those are.
    pub not_looked_into: u64,
    pub groups_not_looked_into: u64,
    /// Columns that were not compared, and why.
    pub left_out: Vec<(String, String)>,
    /// The first rows that drifted.
    pub samples: Vec<Sample>,
    /// The keys of all rows that drifted and were found one by one, as dead letters say them.
    pub keys: Vec<String>,
}

/// How a row drifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    Missing,
    Extra,
    Different,
}

/// What came of a row that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// Its change waits for the destination.
    InFlight,
    DeadLetter,
    /// It could not be told; why.
    Undecided(&'static str),
    Drifted(Sample),
}

/// A row that drifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub drift: Drift,
    /// Its key, as JSON.
    pub key: String,
    /// The columns that differ, with their values at the source and at the destination where they may be shown.
    pub columns: Vec<(String, Option<(String, String)>)>,
}

impl Drift {
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Different => "different",
        }
    }
}

impl Compared {
    /// Takes note of a row that differs; `is_of_source` says whether the source told it.
    pub fn came(&mut self, is_of_source: bool, came: Came) {
        self.unequal += u64::from(is_of_source);
        match came {
            Came::InFlight => self.in_flight += 1,
            Came::DeadLetter => self.dead_letters += 1,
            Came::Undecided(why) => self.undecided(1, why),
            Came::Drifted(sample) => self.drift(sample),
        }
    }

    fn drift(&mut self, sample: Sample) {
        match sample.drift {
            Drift::Missing => self.missing += 1,
            Drift::Extra => self.extra += 1,
            Drift::Different => self.different += 1,
        }
        self.keys.push(sample.key.clone());
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(sample);
        }
    }

    /// Rows of the source that are the same at the destination, or were when they were looked at.
    pub fn equal(&self) -> u64 {
        self.source_rows.saturating_sub(self.unequal + self.not_looked_into)
    }

    /// Rows that differ and should not.
    pub fn drifted(&self) -> u64 {
        self.missing + self.extra + self.different
    }

    /// Whether there are such.
    pub fn has_drift(&self) -> bool {
        self.drifted() > 0
    }

    /// Whether some rows could not be decided about.
    pub fn is_open(&self) -> bool {
        self.undecided + self.groups_not_looked_into > 0
    }

    /// Counts rows of which nothing can be said, nor whether the source told them.
    pub fn unknown(&mut self, rows: u64, why: &str) {
        self.unequal += rows;
        self.undecided(rows, why);
    }

    fn undecided(&mut self, rows: u64, why: &str) {
        if rows > 0 {
            self.undecided += rows;
            self.why_undecided.get_or_insert_with(|| why.to_owned());
        }
    }
}
