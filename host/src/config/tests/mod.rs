//! Tests of the whole way from text to checked values, as tables.

mod accepted;
mod cascade;
mod columns;
mod editor_schema;
mod effective;
mod files;
mod layers;
mod problems;
mod reference;
mod refused;
mod reload;
mod retained;
mod secrets;
mod shipped;

use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme};
use tempfile::TempDir;

use super::{ConfigError, ConfigSources, WarpConfig};

/// The least a configuration needs.
const MINIMAL: &str = "\
single_schema_name: shop
source:
  type: files
  connection_string: ./data
destination:
  type: sqlite
  connection_string: ./out.db
schemas:
  - name: shop
";

/// A directory with the text as `config.yaml`, and sources that read it.
fn written(text: &str) -> (TempDir, ConfigSources) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    (directory, ConfigSources::new().file(path).env([("HOME", "/home/me")]))
}

fn load(text: &str) -> Result<WarpConfig, ConfigError> {
    let (_directory, sources) = written(text);
    WarpConfig::load(sources)
}

fn load_with_env(text: &str, env: &[(&str, &str)]) -> Result<WarpConfig, ConfigError> {
    let (_directory, sources) = written(text);
    WarpConfig::load(sources.env(env.iter().copied()))
}

/// What a person sees, without the directory.
fn rendered(error: &ConfigError, directory: Option<&Path>) -> String {
    let mut text = String::new();
    let theme = GraphicalTheme::unicode_nocolor();
    let handler = GraphicalReportHandler::new_themed(theme).with_width(400);
    handler.render_report(&mut text, error).unwrap();
    match directory {
        Some(directory) => text.replace(&format!("{}/", directory.display()), ""),
        None => text,
    }
}

/// Loads what must be refused, and gives what a person sees.
fn refusal(case: &str, text: &str, env: &[(&str, &str)]) -> String {
    let (directory, sources) = written(text);
    match WarpConfig::load(sources.env(env.iter().copied())) {
        Ok(_) => panic!("{case}: was accepted"),
        Err(error) => rendered(&error, Some(directory.path())),
    }
}

fn assert_says(case: &str, text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{case}: `{word}` is not in\n{text}");
    }
}
