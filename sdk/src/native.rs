//! What stands in for the host natively: each thread, and so each test, has secrets and a log of its own.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

/// Lines that are kept until somebody asks for them: the newest.
const LINES_MAX: usize = 1_000;

/// A line that a connector logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// What it says.
    pub message: String,
    /// Names and values, in order.
    pub fields: Vec<(String, String)>,
}

impl LogLine {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

thread_local! {
    static LINES: RefCell<VecDeque<LogLine>> = const { RefCell::new(VecDeque::new()) };
    static SECRETS: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

/// Gives the connectors of this thread a secret, as `grants.secrets` does; another value replaces it.
///
/// ```
/// use cartridge_warp_sdk::{secrets, testing};
///
/// assert!(secrets::get("token").is_err());
/// testing::set_secret("token", "t0k3n");
/// assert_eq!(secrets::get("token").as_deref(), Ok("t0k3n"));
/// ```
pub fn set_secret(name: impl Into<String>, text: impl Into<String>) {
    SECRETS.with_borrow_mut(|secrets| secrets.insert(name.into(), text.into()));
}

/// What the connectors of this thread logged since this was asked last; of many lines the newest 1,000.
///
/// ```
/// use cartridge_warp_sdk::{log, testing};
///
/// log::warn("a table has no key", &[("table", "orders")]);
/// let lines = testing::logged();
/// assert_eq!((lines[0].level, lines[0].field("table")), ("warn", Some("orders")));
/// assert!(testing::logged().is_empty());
/// ```
pub fn logged() -> Vec<LogLine> {
    LINES.with_borrow_mut(|lines| lines.drain(..).collect())
}

pub(crate) fn log(level: &'static str, message: &str, fields: &[(&str, &str)]) {
    let field = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let fields = fields.iter().map(field).collect();
    LINES.with_borrow_mut(|lines| {
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(LogLine { level, message: message.to_owned(), fields });
    });
}

pub(crate) fn secret(name: &str) -> Result<String, String> {
    let missing = || format!("`{name}` was not granted; a test grants it by `testing::set_secret`");
    SECRETS.with_borrow(|secrets| secrets.get(name).cloned().ok_or_else(missing))
}
