//! The terminal, for as long as the whole of it is ours: what it showed before comes back.

use std::io::{self, IsTerminal, Write};

use miette::Diagnostic;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use thiserror::Error;

use crate::cli::shown::clean;

/// Another screen, without a cursor, on which long lines are cut.
const BEGIN: &str = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l";
const END: &str = "\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l";
const TOP: &str = "\u{1b}[H";
const REST_OF_LINE: &str = "\u{1b}[K";
const REST_OF_SCREEN: &str = "\u{1b}[J";
/// Of a terminal that does not say.
const SIZE: (usize, usize) = (80, 24);

/// A terminal that is no good.
#[derive(Debug, Error, Diagnostic)]
#[error("the terminal cannot be used")]
#[diagnostic(code("terminal"), help("`cartridge-warp top | cat` shows the pipeline once"))]
pub struct ScreenError(#[from] io::Error);

/// The terminal, until this is dropped.
pub struct Screen {
    before: Termios,
}

impl Screen {
    /// Takes the terminal; none where nobody sits at one.
    pub fn open() -> Result<Option<Self>, ScreenError> {
        let stdin = io::stdin();
        if !stdin.is_terminal() || !io::stdout().is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(&stdin).map_err(io::Error::from)?;
        let mut each_key = before.clone();
        // Keys come at once and are not shown; Ctrl-C is a signal still.
        each_key.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &each_key).map_err(io::Error::from)?;
        let screen = Self { before };
        write(BEGIN);
        Ok(Some(screen))
    }

    /// Columns and lines.
    pub fn size(&self) -> (usize, usize) {
        match tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (size.ws_col.into(), size.ws_row.into())
            }
            _ => SIZE,
        }
    }

    /// Shows these lines in place of the last.
    pub fn show(&mut self, lines: &[String]) {
        let lines: Vec<String> =
            lines.iter().map(|line| format!("{}{REST_OF_LINE}", clean(line))).collect();
        write(&format!("{TOP}{}{REST_OF_SCREEN}", lines.join("\r\n")));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        write(END);
        // A terminal that is gone needs nothing back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

fn write(text: &str) {
    let mut out = io::stdout().lock();
    // A terminal that is gone says so by its signal.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
