//! Reads a case of the conformance kit as strictly as a configuration, and makes one of it.
//!
//! Of the pipeline that comes out only the side under test means anything; nothing opens the other.

use std::collections::BTreeMap;
use std::path::Path;

use super::decode::decode;
use super::document::Document;
use super::error::{Code, ConfigError, Problem};
use super::keys::Node;
use super::known::review;
use super::layers::Layers;
use super::load::{base_dir, complete};
use super::path::KeyPath;
use super::settings::{
    DestinationConfig, KitAbility, KitCase, KitOperation, KitTable, SchemaConfig, SourceConfig,
};
use super::{OnMaxRetained, WarpConfig, suggest};
use crate::model::ColumnType;

/// A checked case, and the pipeline whose one side is the connector under test.
#[derive(Clone, Debug)]
pub struct Case {
    pub kit: KitCase,
    pub config: WarpConfig,
}

/// A type that nothing has: the side that is not under test.
const NOBODY: &str = "none";

impl Case {
    /// Loads and checks a case; `environment` stands behind `${NAME}` and sets no keys.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem that was found.
    pub fn load(file: &Path, environment: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let (document, values) = Document::read(file)?;
        let mut problems = Vec::new();
        let mut layers =
            Layers::from_file(Node::case(), document, values, environment, &mut problems);
        review(&mut layers, &mut problems);
        let Some(kit) = decode::<KitCase>(&layers, &mut problems) else {
            return Err(ConfigError::refused(problems));
        };
        let mut findings = Findings { layers: &layers, problems };
        findings.check(&kit);
        let problems = findings.problems;
        let config = pipeline(&kit).unchecked()?;
        let base = base_dir(file.parent())?;
        let home = environment.get("HOME").map(String::as_str);
        let mut config = complete(config, &layers, problems, &base, home)?;
        config.file = file.file_name().map(|name| base.join(name));
        config.learn_secrets();
        Ok(Self { kit, config })
    }
}

fn pipeline(kit: &KitCase) -> super::Builder {
    let source = kit.source.clone().unwrap_or_else(|| SourceConfig::new(NOBODY, NOBODY));
    let destination =
        kit.destination.clone().unwrap_or_else(|| DestinationConfig::new(NOBODY, NOBODY));
    let schema = SchemaConfig::new(kit.schema.clone());
    WarpConfig::builder().source(source).destination(destination).schema(schema).single(&kit.schema)
}

struct Findings<'a> {
    layers: &'a Layers,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn report(&mut self, code: Code, path: &[&str], message: &str, help: String) {
        let path = path.iter().fold(KeyPath::default(), |path, name| path.key(name));
        let message = format!("`{path}` {message}");
        self.problems.push(self.layers.problem(code, &path, message, help));
    }

    fn check(&mut self, kit: &KitCase) {
        match (&kit.source, &kit.destination) {
            (Some(_), Some(_)) => {
                let help =
                    "keep the one that the component is, and give the other a case of its own";
                let message = "stands beside `source`";
                self.report(Code::Conflict, &["destination"], message, help.to_owned());
            }
            (None, None) => {
                let help = "add `source:` or `destination:`, as in a pipeline's configuration";
                let message = "is missing, and `destination` is, too";
                self.report(Code::MissingKey, &["source"], message, help.to_owned());
            }
            _ => {}
        }
        self.check_ignored(kit);
        if !kit.writes(KitOperation::Insert) {
            let help = "add it, or leave `operations` out for all there are".to_owned();
            self.report(Code::InvalidValue, &["operations"], "lacks `insert`", help);
        }
        if kit.driver.first().is_none_or(String::is_empty) {
            let help = "write the program and its arguments, as [python3, driver.py]";
            self.report(Code::InvalidValue, &["driver"], "names no program", help.to_owned());
        }
        if kit.tables.is_empty() {
            let help = "add a table with its key and columns".to_owned();
            self.report(Code::InvalidValue, &["tables"], "has none", help);
        }
        for (name, table) in &kit.tables {
            self.check_table(name, table);
        }
    }

    /// Keys of a pipeline that would say nothing here.
    fn check_ignored(&mut self, kit: &KitCase) {
        let source = kit.source.as_ref();
        let retains = source.is_some_and(|source| {
            source.max_retained.is_some() || source.on_max_retained != OnMaxRetained::Keep
        });
        let named = [
            ("source", source.is_some_and(|source| source.plugin.is_some())),
            ("destination", kit.destination.as_ref().is_some_and(|it| it.plugin.is_some())),
        ];
        for (side, _) in named.into_iter().filter(|(_, named)| *named) {
            let help = "remove it: the component is named on the command line".to_owned();
            self.report(Code::Conflict, &[side, "plugin"], "means nothing in a case", help);
        }
        if kit.source.is_none() && kit.operations.is_some() {
            let help = "remove it: only a source's driver writes".to_owned();
            let message = "means nothing for a destination";
            self.report(Code::Conflict, &["operations"], message, help);
        }
        if kit.source.is_none() && kit.driver_can.contains(&KitAbility::Alter) {
            let help = "remove `alter`: the tables of a destination are its connector's".to_owned();
            let message = "has `alter`, which means nothing for a destination";
            self.report(Code::Conflict, &["driver_can"], message, help);
        }
        if retains {
            let help = "remove `max_retained` and `on_max_retained`".to_owned();
            let message = "means nothing in a case";
            self.report(Code::Conflict, &["source", "max_retained"], message, help);
        }
    }

    fn check_table(&mut self, name: &str, table: &KitTable) {
        if table.key.is_empty() {
            let help = "name the columns that tell its rows apart".to_owned();
            self.report(Code::InvalidValue, &["tables", name, "key"], "is empty", help);
        }
        for column in &table.key {
            let (message, help) = match table.columns.get(column) {
                None => {
                    let message = format!("names `{column}`, which is not among the columns");
                    (message, suggest(column, table.columns.keys().map(String::as_str)))
                }
                Some(kind) if !can_be_key(*kind) => {
                    let message = format!("names `{column}`, whose type no key of a case has");
                    (message, "take an integer, a bigint, a text or a uuid".to_owned())
                }
                Some(_) => continue,
            };
            self.report(Code::InvalidValue, &["tables", name, "key"], &message, help);
        }
    }
}

fn can_be_key(kind: ColumnType) -> bool {
    use ColumnType::{Bigint, Integer, Text, Uuid};
    matches!(kind, Integer | Bigint | Text | Uuid)
}
