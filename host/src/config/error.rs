//! What is wrong with a configuration, where, and what to do about it.
//!
//! One [`ConfigError`] carries every independent [`Problem`], so that a person mends a file in one
//! go. Messages and the quoted file are redacted before they get here.

use std::fmt;
use std::sync::Arc;

use super::redact::redact;
use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

/// The kind of a [`Problem`]; its word is stable and names a page of the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Code {
    /// The file can't be read: missing, a directory, too big, not UTF-8.
    #[error("config::unreadable")]
    Unreadable,
    /// The text is not YAML, or not a map of keys.
    #[error("config::not-yaml")]
    NotYaml,
    /// A key or variable that does not exist.
    #[error("config::unknown-key")]
    UnknownKey,
    /// A key written twice.
    #[error("config::duplicate-key")]
    DuplicateKey,
    /// A key that must be there.
    #[error("config::missing-key")]
    MissingKey,
    /// A value of the wrong type, or outside what the key allows.
    #[error("config::invalid-value")]
    InvalidValue,
    /// `${NAME}` without such a variable.
    #[error("config::missing-variable")]
    MissingVariable,
    /// A key this release does not implement.
    #[error("config::unsupported")]
    Unsupported,
    /// Keys that can't stand together.
    #[error("config::conflict")]
    Conflict,
}

/// How long a message may be; only a wrong value or key makes one longer.
const WORDS_CHARS_MAX: usize = 1000;

/// A person mends no more at once.
const PROBLEMS_MAX: usize = 50;

/// Where a problem is.
#[derive(Clone)]
pub(super) enum Place {
    File {
        source: Arc<NamedSource<String>>,
        span: SourceSpan,
        line: usize,
        column: usize,
        /// Whether the text can be shown: its lines are as long as a person's.
        quotable: bool,
    },
    Environment(String),
    CommandLine(String),
    Program,
}

/// One thing that is wrong.
#[derive(Clone, thiserror::Error)]
#[error("{place}{message}")]
pub struct Problem {
    code: Code,
    place: Place,
    message: String,
    help: String,
}

impl Problem {
    /// The words may quote values: passwords among them are taken out here, for every problem.
    pub(super) fn new(code: Code, place: Place, message: &str, help: &str) -> Self {
        Self { code, place, message: presentable(message), help: presentable(help) }
    }

    /// A problem that no file, variable or flag can be blamed for.
    pub(super) fn of_program(code: Code, message: String, help: String) -> Self {
        Self::new(code, Place::Program, &message, &help)
    }

    /// Its kind.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }
}

/// Without passwords, without what a terminal would obey, and no longer than a person reads.
fn presentable(words: &str) -> String {
    let clean = redact(words);
    let visible = clean.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    visible.take(WORDS_CHARS_MAX).collect()
}

impl fmt::Display for Place {
    /// What stands before the message: `config.yaml:3:5: ` or the variable's or flag's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { source, line, column, .. } => {
                write!(f, "{}:{line}:{column}: ", source.name())
            }
            Self::Environment(variable) => write!(f, "environment variable {variable}: "),
            Self::CommandLine(flag) => write!(f, "{flag} on the command line: "),
            Self::Program => Ok(()),
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {self} (help: {})", self.code, self.help)
    }
}

impl Diagnostic for Problem {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        match &self.place {
            Place::File { source, quotable: true, .. } => Some(source.as_ref()),
            _ => None,
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match &self.place {
            Place::File { span, quotable: true, .. } => {
                let label = LabeledSpan::new_primary_with_span(Some("here".to_owned()), *span);
                Some(Box::new(std::iter::once(label)))
            }
            _ => None,
        }
    }
}

/// Why a configuration is refused: one problem or more.
#[derive(Clone, thiserror::Error)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// Refuses when there is any problem.
    pub(super) fn unless_empty(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self::refused(problems)) }
    }

    /// Refuses because of these problems. Should there be none, saying so is better than to accept.
    pub(super) fn refused(mut problems: Vec<Problem>) -> Self {
        if problems.len() > PROBLEMS_MAX {
            let message = format!("{} more problems are not shown", problems.len() - PROBLEMS_MAX);
            problems.truncate(PROBLEMS_MAX);
            let help = "mend the first ones and try again".to_owned();
            problems.push(Problem::of_program(Code::InvalidValue, message, help));
        }
        if !problems.is_empty() {
            return Self { problems };
        }
        let message = "the configuration can't be read".to_owned();
        let help = "compare it with what `cartridge-warp init` writes".to_owned();
        Problem::of_program(Code::InvalidValue, message, help).into()
    }

    /// Everything that is wrong, in the order it was found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The problem, if there is only one: it then speaks for itself.
    fn only(&self) -> Option<&Problem> {
        match self.problems.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.only() {
            Some(problem) => write!(f, "{problem}"),
            None => write!(f, "the configuration has {} problems", self.problems.len()),
        }
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.problems).finish()
    }
}

impl Diagnostic for ConfigError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.only().and_then(Diagnostic::code)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.only().and_then(Diagnostic::help)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.only().and_then(Diagnostic::source_code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.only().and_then(Diagnostic::labels)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        if self.only().is_some() {
            return None;
        }
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}
