//! What the process says while it runs: log lines and progress bars, both on stderr.
//!
//! stdout is left to results. Lines and bars share one writer, so that neither tears the other.
//! Every line carries the fields of the spans around it (pipeline, schema, table, run, batch) at its
//! top level, so that one `jq` or `grep` follows a batch through all layers.
//! Values are escaped and cut, and known secrets are taken out: nothing that a source or a connector
//! says can move the cursor or fake a line. Panics become such lines too; nothing raw is written.

mod fields;
mod libraries;
mod line;
mod output;
mod panics;
mod progress;

use std::{io::IsTerminal, sync::OnceLock};

use miette::Diagnostic;
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};

pub use panics::catch_panics;
pub use progress::{Progress, SnapshotBar, Spinner};

/// Environment variable that replaces the level: `tracing` filter directives, such as
/// `cartridge_warp=debug,wasmtime=info`.
pub const FILTER_VARIABLE: &str = "CARTRIDGE_WARP_LOG";

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For eyes.
    Human { colour: bool },
}

/// What to log, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// Of our own lines; libraries speak from warnings on.
    pub level: Level,
    /// Of the connectors' lines.
    pub connectors: Level,
    pub format: Format,
    /// Filter directives that replace both levels.
    pub filter: Option<String>,
}

impl TelemetrySettings {
    /// Settings as the configuration and this process's surroundings ask for them: the filter from
    /// [`FILTER_VARIABLE`], colours on a terminal unless `NO_COLOR` is set.
    pub fn from_environment(level: Level, structured: bool) -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let colour = std::io::stderr().is_terminal() && set("NO_COLOR").is_none();
        let format = if structured { Format::Json } else { Format::Human { colour } };
        Self { level, connectors: level, format, filter: set(FILTER_VARIABLE) }
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum TelemetryError {
    /// The override is no list of directives.
    #[error("{FILTER_VARIABLE} is not a log filter: {filter:?}")]
    #[diagnostic(
        code("log-filter"),
        help("write a level (debug) or target=level pairs (cartridge_warp=debug,wasmtime=info)")
    )]
    Filter {
        filter: String,
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },

    /// The process already has a log.
    #[error("logging was already set up")]
    #[diagnostic(code("log-twice"))]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// The filter of the process's log.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Sets the process's log up, once. The bars it returns share stderr with it.
pub fn init(settings: &TelemetrySettings) -> Result<Progress, TelemetryError> {
    let progress = Progress::on_stderr(settings.format);
    let (layer, filter) = layer(settings, progress.writer())?;
    tracing_subscriber::registry().with(layer).try_init()?;
    FILTER.get_or_init(|| filter);
    Ok(progress)
}

/// Gives the log another level from now on.
pub fn set_level(settings: &TelemetrySettings) -> Result<(), TelemetryError> {
    let filter = events(settings)?;
    // A log that is gone has no level.
    let _ = FILTER.get().map(|handle| handle.reload(filter));
    Ok(())
}

fn events(settings: &TelemetrySettings) -> Result<EnvFilter, TelemetryError> {
    // `plugin` is the target of the connectors' own lines.
    let (level, connectors) = (settings.level, settings.connectors);
    let ours = format!("warn,cartridge_warp={level},plugin={connectors}");
    let directives = settings.filter.as_deref().unwrap_or(&ours);
    EnvFilter::try_new(directives)
        .map_err(|source| TelemetryError::Filter { filter: directives.to_owned(), source })
}

/// A layer, and its filter to change it by.
type Filtered<L> = (L, reload::Handle<EnvFilter, Registry>);

/// The filter decides about events. Our spans always exist, because an error line without its
/// schema and table helps nobody.
fn layer(
    settings: &TelemetrySettings,
    writer: output::Writer,
) -> Result<Filtered<impl Layer<Registry> + Send + Sync + use<>>, TelemetryError> {
    let (events, filter) = reload::Layer::new(events(settings)?);
    let our_spans = filter_fn(|metadata| {
        metadata.is_span() && metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
    });
    let lines = output::LineLayer::new(settings.format, writer);
    let spans = our_spans.with_max_level_hint(Level::INFO);
    Ok((lines.with_filter(events.or(spans)), filter))
}

#[cfg(test)]
mod tests;
