//! From `tracing`'s events to lines on stderr.

use std::{
    io::{self, Write},
    time::Instant,
};

use indicatif::MultiProgress;
use serde_json::Value;
use tracing::{Event, Subscriber, span};
use tracing_subscriber::{
    Layer,
    fmt::{format, time::FormatTime},
    layer::Context,
    registry::LookupSpan,
};

use super::{Format, fields::Fields, libraries::Libraries, line::Line, panics};

/// Where lines go.
#[derive(Clone, Debug)]
pub(super) enum Writer {
    /// Above the bars, which are taken away while a line is written.
    Stderr(MultiProgress),
    #[cfg(test)]
    Memory(std::sync::Arc<std::sync::Mutex<String>>),
}

impl Writer {
    fn write(&self, line: &str) {
        let _writing = panics::Writing::begin();
        match self {
            // A log that cannot be written must not end the pipeline; there is nobody to tell.
            Self::Stderr(bars) => {
                let _ = bars.suspend(|| io::stderr().lock().write_all(line.as_bytes()));
            }
            #[cfg(test)]
            Self::Memory(text) => text.lock().unwrap().push_str(line),
        }
    }
}

/// Gathers the fields of spans and writes one line an event.
pub(super) struct LineLayer {
    format: Format,
    writer: Writer,
    libraries: Libraries,
}

impl LineLayer {
    pub(super) fn new(format: Format, writer: Writer) -> Self {
        Self { format, writer, libraries: Libraries::default() }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LineLayer {
    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        context: Context<'_, S>,
    ) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.merge(of_span);
            }
        }
        event.record(&mut fields);
        let mut line = line(event, fields);
        if !line.is_ours() {
            match self.libraries.admit(Instant::now()) {
                None => return,
                Some(0) => {}
                Some(left_out) => line.fields.set("library_lines_left_out", left_out.into()),
            }
        }
        self.writer.write(&line.render(self.format));
    }
}

fn line(event: &Event<'_>, mut fields: Fields) -> Line {
    let mut timestamp = String::new();
    // Writing into a String cannot fail.
    let _ = tracing_subscriber::fmt::time::SystemTime
        .format_time(&mut format::Writer::new(&mut timestamp));
    fields.clean();
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let metadata = event.metadata();
    let message = fields.take("message").map_or_else(String::new, text);
    // Events that come over the `log` crate carry their origin in fields.
    let target = fields.take("log.target").map_or_else(|| metadata.target().to_owned(), text);
    for of_log in ["log.module_path", "log.file", "log.line"] {
        fields.take(of_log);
    }
    Line { timestamp, level: *metadata.level(), target, message, fields }
}
