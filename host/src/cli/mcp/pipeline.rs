//! What a tool does: it asks the run, or what needs none.

use std::{path::PathBuf, sync::Arc};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use super::tools::{Does, Tool};
use crate::{
    cli::{CliError, args::ConfigArgs, explain, live, output, setup},
    control::{Client, Place},
    telemetry::Progress,
};

/// Whom dead letters name that are tried again from here.
const WHO: &str = "mcp";

/// The pipeline of a configuration.
pub struct Pipeline {
    config: ConfigArgs,
    plugin_dir: Option<PathBuf>,
    progress: Progress,
    /// Its name, and where its run listens.
    place: OnceCell<(String, Place)>,
}

impl Pipeline {
    pub fn new(config: ConfigArgs, plugin_dir: Option<PathBuf>, progress: Progress) -> Self {
        Self { config, plugin_dir, progress, place: OnceCell::new() }
    }

    /// What comes of a tool, or the error as `--output json` has it.
    pub async fn call(&self, tool: &Tool, arguments: Map<String, Value>) -> Result<Value, Value> {
        let came = match tool.does {
            Does::Get(path) => self.get(path, &arguments).await,
            Does::Post { path, field, word } => {
                let mut body = arguments;
                body.insert(field.to_owned(), word.into());
                if field == "action" {
                    body.insert("by".to_owned(), WHO.into());
                }
                self.post(path, &Value::Object(body)).await
            }
            Does::Explain => {
                let code = arguments.get("code").and_then(Value::as_str).unwrap_or_default();
                explain::page(code).map(|page| json!({"code": code, "page": page}))
            }
            Does::Validate => self.validate().await,
        };
        came.map_err(|error| output::as_json(error.diagnostic.as_ref()))
    }

    async fn get(&self, path: &str, arguments: &Map<String, Value>) -> Result<Value, CliError> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let each = arguments.iter().filter(|(_, value)| !value.is_null());
        let asked: Vec<String> = each
            .map(|(field, value)| format!("{}={}", encoded(field), encoded(&text(value))))
            .collect();
        let path = format!("{path}?{}", asked.join("&"));
        self.run().await?.look(&path).await.map_err(CliError::failed)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, CliError> {
        self.run().await?.order_at(path, body).await.map_err(CliError::failed)
    }

    /// The run, which may have begun or ended since the last call.
    async fn run(&self) -> Result<Client, CliError> {
        let place = || async {
            let config = setup::load(&self.config, vec![])?;
            let runner = setup::runner_of(config, &self.progress, self.plugin_dir.clone()).await?;
            Ok::<_, CliError>((runner.pipeline().to_owned(), live::place(&runner)))
        };
        let (pipeline, place) = self.place.get_or_try_init(place).await?;
        live::required_at(pipeline, place).await
    }

    async fn validate(&self) -> Result<Value, CliError> {
        let config = setup::load(&self.config, vec![])?;
        let keys = config.effective().into_iter().map(
            |key| json!({"key": key.path, "value": key.value, "origin": key.origin.to_string()}),
        );
        let keys: Vec<Value> = keys.collect();
        setup::runner_of(Arc::clone(&config), &self.progress, self.plugin_dir.clone()).await?;
        Ok(json!({"usable": true, "keys": keys}))
    }
}
