//! An error as a person may see it: without known secrets, and with everything hidden written out.
//!
//! Errors repeat what plugins say and how files are called. They are cleaned before they are laid
//! out: afterwards a secret could lie on two lines.

use std::{error::Error, fmt};

use miette::{Diagnostic, LabeledSpan, Severity, SourceCode};

use super::pages;
use crate::model::{redaction::redact, text};

/// A cleaned copy of an error.
pub(super) struct Shown<'a> {
    original: &'a dyn Diagnostic,
    message: String,
    help: Option<String>,
    cause: Option<Box<Cause>>,
    related: Vec<Shown<'a>>,
}

/// One of the causes, and those behind it.
#[derive(Debug)]
struct Cause {
    message: String,
    behind: Option<Box<Cause>>,
}

/// Text for a terminal: line breaks and tabs stay.
pub(super) fn clean(text: &str) -> String {
    text::escaped(&redact(text), |c| matches!(c, '\n' | '\t')).into_owned()
}

impl<'a> Shown<'a> {
    pub(super) fn new(original: &'a dyn Diagnostic) -> Self {
        Self {
            original,
            message: clean(&original.to_string()),
            help: original.help().map(|help| clean(&help.to_string())).or_else(|| page(original)),
            cause: causes(original),
            related: original.related().into_iter().flatten().map(Shown::new).collect(),
        }
    }
}

/// Where an error that says no more is explained.
fn page(error: &dyn Diagnostic) -> Option<String> {
    let code = error.code()?.to_string();
    pages::page(&code)?;
    Some(format!("`cartridge-warp explain {code}` says what to do"))
}

fn causes(error: &dyn Diagnostic) -> Option<Box<Cause>> {
    let mut messages = Vec::new();
    let mut plain = error.source();
    let mut diagnostic = error.diagnostic_source();
    while let Some(inner) = diagnostic {
        messages.push(clean(&inner.to_string()));
        (plain, diagnostic) = (inner.source(), inner.diagnostic_source());
    }
    while let Some(inner) = plain {
        messages.push(clean(&inner.to_string()));
        plain = inner.source();
    }
    let chain = |behind, message| Some(Box::new(Cause { message, behind }));
    messages.into_iter().rev().fold(None, chain)
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Shown<'_> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl Diagnostic for Shown<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.original.code().map(|code| Box::new(clean(&code.to_string())) as _)
    }

    fn severity(&self) -> Option<Severity> {
        self.original.severity()
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn url<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.original.url()
    }

    // `config` covers what is hidden in the lines that it quotes.
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.original.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let clean = |label: LabeledSpan| {
            let text = label.label().map(clean);
            match label.primary() {
                true => LabeledSpan::new_primary_with_span(text, *label.inner()),
                false => LabeledSpan::new_with_span(text, *label.inner()),
            }
        };
        self.original.labels().map(|labels| Box::new(labels.map(clean)) as _)
    }

    fn related<'b>(&'b self) -> Option<Box<dyn Iterator<Item = &'b dyn Diagnostic> + 'b>> {
        let related = self.related.iter().map(|error| error as &dyn Diagnostic);
        (!self.related.is_empty()).then(|| Box::new(related) as _)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.behind.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use miette::{GraphicalReportHandler, GraphicalTheme};

    use super::*;

    #[derive(Debug, thiserror::Error, Diagnostic)]
    #[error("can't open \u{1b}[2J/data/\u{202e}gnp.exe: {0}")]
    #[diagnostic(code("file"), help("look at \u{200b}it\nand again"))]
    struct Outer(String, #[source] std::io::Error);

    #[test]
    fn an_error_commands_no_terminal_and_tells_no_secret() {
        crate::model::redaction::learn("a-secret-of-shown");
        let cause = std::io::Error::other("a\u{7}-secret a-secret-of-shown \u{2028}");
        let long = format!("{} a-secret-of-shown", "words ".repeat(11));
        let error = Outer(long, cause);
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none());
        handler.render_report(&mut text, &Shown::new(&error)).unwrap();
        let hidden = |c: char| text::is_hidden(c) && c != '\n';
        assert!(!text.contains(hidden) && !text.contains("a-secret-of"), "{text}");
        for expected in ["\\u{1b}[2J/data/\\u{202e}gnp.exe", "\\u{200b}it", "***", "\\u{7}-secret"]
        {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
    }
}
