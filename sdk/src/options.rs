//! What a connector is told when it connects, and how its options are read.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Failure;

/// For connectors without options: accepts `{}` and refuses everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

/// A granted directory or file as the connector sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedPath {
    /// The configuration key it came from: `connection_string`, `options.KEY` or `grants`.
    pub key: String,
    /// The text the operator wrote; use it in messages.
    pub configured: String,
    /// Where to open it.
    pub guest_path: String,
    /// Whether it may be written to.
    pub writable: bool,
}

/// Everything a connector needs to connect.
#[derive(Debug, Clone)]
pub struct Config<O> {
    /// Where the data is.
    pub connection_string: String,
    /// The connector's own options, read into its type.
    pub options: O,
    /// Further keys of the section, such as `database`; see [`Config::setting`].
    pub settings: Vec<(String, String)>,
    /// Directories and files that the operator granted.
    pub paths: Vec<GrantedPath>,
}

impl<O> Config<O> {
    /// A configuration for tests and native use.
    pub fn new(connection_string: impl Into<String>, options: O) -> Self {
        let connection_string = connection_string.into();
        Self { connection_string, options, settings: Vec::new(), paths: Vec::new() }
    }

    /// A key of the section that the connector has the capability for: `database`, `timezone`, …
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The path granted through a configuration key.
    ///
    /// # Errors
    /// `config` when nothing was granted under that key.
    pub fn path(&self, key: &str) -> Result<&GrantedPath, Failure> {
        self.paths.iter().find(|path| path.key == key).ok_or_else(|| {
            Failure::config(
                "missing-grant",
                format!("no directory or file was granted for `{key}`; set it to a path"),
            )
        })
    }

    /// Adds a granted path: for tests and native use.
    #[must_use]
    pub fn grant(mut self, key: &str, path: impl Into<String>, writable: bool) -> Self {
        let path = path.into();
        let (key, configured) = (key.to_owned(), path.clone());
        self.paths.push(GrantedPath { key, configured, guest_path: path, writable });
        self
    }
}

/// Reads options from JSON and names the key that is wrong.
///
/// # Errors
/// `config` with the path of the offending key.
///
/// ```
/// use cartridge_warp_sdk::parse_options;
///
/// #[derive(serde::Deserialize, Debug)]
/// struct Options { pace: Pace }
/// #[derive(serde::Deserialize, Debug)]
/// struct Pace { rows: u32 }
///
/// let failure = parse_options::<Options>(r#"{"pace": {"rows": "many"}}"#).unwrap_err();
/// assert!(failure.message.contains("options.pace.rows"));
/// ```
pub fn parse_options<O: DeserializeOwned>(json: &str) -> Result<O, Failure> {
    let text = if json.trim().is_empty() { "{}" } else { json };
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let key = if path == "." { "options".to_owned() } else { format!("options.{path}") };
        Failure::config("invalid-options", format!("`{key}`: {}", error.into_inner()))
    })
}

/// The JSON Schema of an options type, as `describe` shows it.
pub fn options_schema<O: JsonSchema>() -> String {
    schemars::schema_for!(O).as_value().to_string()
}
