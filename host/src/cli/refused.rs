//! All that is wrong with a schema, as one error.

use miette::Diagnostic;
use thiserror::Error;

use crate::runner::RunError;

/// Things shown of one schema.
const SHOWN_MAX: usize = 100;

/// Why a schema cannot be run.
#[derive(Debug, Error, Diagnostic)]
#[error("schema `{schema}` cannot be run; to be mended: {count}{cut}")]
#[diagnostic(code("check"))]
pub struct Refused {
    schema: String,
    count: usize,
    cut: String,
    #[related]
    found: Vec<RunError>,
}

impl Refused {
    pub fn new(schema: String, mut found: Vec<RunError>) -> Self {
        let count = found.len();
        found.truncate(SHOWN_MAX);
        let more = count > SHOWN_MAX;
        let cut = if more { format!(", of which {SHOWN_MAX} follow") } else { String::new() };
        Self { schema, count, cut, found }
    }
}
