//! Where results and errors go: results to stdout, errors to stderr.
//!
//! Both may repeat what plugins say and how files and tables are called: known secrets are taken out,
//! and what is hidden is written out. A closed pipe (`| head`) is not an error of ours.

use std::io::{self, IsTerminal, Write};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, JSONReportHandler};
use serde::Serialize;
use serde_json::Value;

use super::{
    args::OutputFormat,
    shown::{Shown, clean},
};
use crate::model::{redaction::redact, text::escaped_json};

/// Empties a terminal and begins at its top.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// How this process speaks.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    chosen: Option<OutputFormat>,
}

impl Output {
    pub fn new(chosen: Option<OutputFormat>) -> Self {
        Self { chosen }
    }

    /// Results are JSON only when asked for: they are for people and pipes alike.
    pub fn is_json(self) -> bool {
        self.chosen == Some(OutputFormat::Json)
    }

    /// Whether log lines are JSON: as asked, else human on a terminal, else as configured.
    pub fn logs_json(self, structured_logging: bool) -> bool {
        match self.chosen {
            Some(format) => format == OutputFormat::Json,
            None => structured_logging && !io::stderr().is_terminal(),
        }
    }

    /// On a terminal, what follows takes the place of what was shown before.
    pub fn begin_anew(self) {
        let mut screen = io::stdout().lock();
        if !self.is_json() && screen.is_terminal() {
            let _ = write!(screen, "{CLEAR}");
        }
    }

    /// A line of a result.
    pub fn line(self, text: &str) {
        // A reader that went away needs no answer.
        let _ = writeln!(io::stdout().lock(), "{}", clean(text));
    }

    /// A result as one line of JSON.
    pub fn json(self, value: &impl Serialize) {
        let text = serde_json::to_string(value).unwrap_or_default();
        let _ = writeln!(io::stdout().lock(), "{}", escaped_json(redact(&text).into_owned()));
    }

    /// A result that is JSON whatever was asked for, in lines for eyes unless JSON was.
    pub fn document(self, value: &serde_json::Value) {
        match serde_json::to_string_pretty(value) {
            Ok(text) if !self.is_json() => text.lines().for_each(|line| self.line(line)),
            _ => self.json(value),
        }
    }

    /// An error: what, where, why and what to do.
    pub fn error(self, error: &dyn Diagnostic) {
        if self.is_json() {
            let _ = writeln!(io::stderr().lock(), "{}", as_json(error));
            return;
        }
        let error = &Shown::new(error);
        let mut text = String::new();
        let rendered = {
            let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let theme = match colour {
                true => GraphicalTheme::unicode(),
                false => GraphicalTheme::unicode_nocolor(),
            };
            GraphicalReportHandler::new_themed(theme).render_report(&mut text, error)
        };
        if rendered.is_err() {
            text = error.to_string();
        }
        let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
    }
}

/// An error as JSON: its code, message, help and causes, and where it is in a file.
pub fn as_json(error: &dyn Diagnostic) -> Value {
    let (error, mut text) = (Shown::new(error), String::new());
    let rendered = JSONReportHandler::new().render_report(&mut text, &error);
    let value = rendered.ok().and_then(|()| serde_json::from_str(&text).ok());
    value.unwrap_or_else(|| serde_json::json!({ "message": error.to_string() }))
}
