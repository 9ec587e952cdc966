//! Tables of a document that tests write: what a document says is what was seen.

use std::{
    env, fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// Writes the tables instead of comparing them.
const WRITE: &str = "CARTRIDGE_WARP_TEST_WRITE_DOCS";

/// Sections of one document are written by several tests.
static WRITER: Mutex<()> = Mutex::new(());

/// A part of a section.
pub enum Line {
    /// A heading or the like.
    Text(String),
    /// The head of a table.
    Head(&'static [&'static str]),
    /// A row and what it is about; no cells where this server cannot show it, so that what another one
    /// showed stays.
    Row(String, Option<Vec<String>>),
}

impl Line {
    fn render(&self, old: &str) -> Option<String> {
        let row = |first: &str, cells: &[String]| format!("| {first} | {} |", cells.join(" | "));
        match self {
            Self::Text(text) => Some(format!("\n{text}\n")),
            Self::Head(head) => {
                Some(format!("| {} |\n|{}", head.join(" | "), "---|".repeat(head.len())))
            }
            Self::Row(first, Some(cells)) => Some(row(first, cells)),
            Self::Row(first, None) => {
                let known = old.lines().find(|line| line.starts_with(&format!("| {first} | ")));
                known.map(str::to_owned)
            }
        }
    }
}

/// Code in a cell.
pub fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// Compares a section of `docs/postgresql-matrix.md` with these lines.
///
/// # Panics
/// When it is another one, with the command that writes it anew.
pub fn check(section: &str, lines: &[Line]) {
    let _one = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/postgresql-matrix.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {section} -->\n"), format!("<!-- end of {section} -->\n"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (old, after) = rest.split_once(&end).unwrap();
    let new: String =
        lines.iter().filter_map(|line| line.render(old)).map(|line| line + "\n").collect();
    if env::var_os(WRITE).is_some() {
        fs::write(&path, format!("{before}{begin}{new}{end}{after}")).unwrap();
        return;
    }
    let lacks = |one: &str, other: &str| -> String {
        let lines = one.lines().filter(|line| !other.lines().any(|it| it == *line));
        lines.map(|line| format!("  {line}\n")).collect()
    };
    assert!(
        old == new,
        "docs/postgresql-matrix.md says\n{}and this was seen:\n{}`make matrix` writes it anew",
        lacks(old, &new),
        lacks(&new, old)
    );
}
