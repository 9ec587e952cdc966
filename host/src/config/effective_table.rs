//! What reaches a listed table from elsewhere: from globs of the list, from its schema, from keys for all
//! tables; and the keys that say so, for [`WarpConfig::effective`].

use serde_json::{Value, json};

use super::path::{KeyPath, Segment};
use super::{SchemaConfig, TableConfig, TableSettings, WarpConfig};

/// A key of a listed table, taken apart.
struct OfTable<'a> {
    schema: &'a SchemaConfig,
    table: &'a TableConfig,
    /// Where the schema stands in its list.
    at: usize,
    /// The path behind the table's number.
    key: &'a [Segment],
}

impl WarpConfig {
    fn of_table<'a>(&'a self, path: &'a KeyPath) -> Option<OfTable<'a>> {
        let [
            Segment::Key(first),
            Segment::Index(at),
            Segment::Key(second),
            Segment::Index(number),
            key @ ..,
        ] = path.segments()
        else {
            return None;
        };
        let schema = self
            .schemas
            .get(*at)
            .filter(|_| first.as_ref() == "schemas" && second.as_ref() == "tables")?;
        let table = schema.tables.get(*number).filter(|table| !table.name.is_pattern())?;
        Some(OfTable { schema, table, at: *at, key })
    }

    fn settings_of(&self, of: &OfTable<'_>) -> TableSettings {
        self.settings_in(of.schema, of.table.name.as_str())
    }

    /// All rules for the columns of a table, at the path of its own.
    pub(super) fn columns_of_table(&self, path: &KeyPath) -> Option<Value> {
        let of = self.of_table(path).filter(|of| is_key(of.key, "columns"))?;
        serde_json::to_value(self.settings_of(&of).columns).ok()
    }

    /// The other key that gives a table's key its value, if one does, and that value.
    pub(super) fn reached_table(
        &self,
        tree: &Value,
        value: &Value,
        path: &KeyPath,
    ) -> Option<(KeyPath, Value)> {
        let of = self.of_table(path)?;
        if is_key(of.key, "enable_schema_evolution") && *value != json!(false) {
            if !self.schema_evolution.enabled {
                return Some((KeyPath::parse("schema_evolution.enabled", "."), json!(false)));
            }
            if self.schema_evolution.excluded_tables.matches(of.table.name.as_str()) {
                let key = KeyPath::parse("schema_evolution.excluded_tables", ".");
                return Some((key, json!(false)));
            }
        }
        if is_key(of.key, "destination_table") && value.is_null() {
            let name = of.schema.table_at_destination(of.table.name.as_str());
            let key = match (of.schema.table_prefix.as_str(), of.schema.table_suffix.as_str()) {
                ("", "") => "schemas.*.tables.*.name",
                ("", _) => "schemas.*.table_suffix",
                _ => "schemas.*.table_prefix",
            };
            return Some((path.fill(key), json!(name)));
        }
        self.said_by_glob(tree, &of, value, path)
    }

    /// The first glob that says it of a key that the table does not set, or of one of its columns.
    fn said_by_glob(
        &self,
        tree: &Value,
        of: &OfTable<'_>,
        value: &Value,
        path: &KeyPath,
    ) -> Option<(KeyPath, Value)> {
        // Of a list, the place in it says nothing: lists are put together.
        let key = match of.key {
            [list @ .., Segment::Index(_)] => list,
            key => key,
        };
        let says_it = |at: &KeyPath| match at.find(tree) {
            Some(Value::Array(items)) => items.contains(value),
            Some(said) => !said.is_null() && (value.is_null() || said == value),
            None => false,
        };
        let own = path.upwards().find(|level| level.segments().len() == 4 + key.len())?;
        if says_it(&own) {
            return None;
        }
        of.schema.patterns_of(of.table.name.as_str()).find_map(|(number, _)| {
            let root = KeyPath::default().key("schemas").index(of.at).key("tables").index(number);
            let other = key.iter().fold(root, |path, segment| match segment {
                Segment::Key(name) => path.key(name),
                Segment::Index(position) => path.index(*position),
            });
            let said = other.find(tree)?;
            match said.as_array() {
                Some(items) => {
                    let item = other.index(items.iter().position(|item| item == value)?);
                    Some((item, value.clone()))
                }
                None => says_it(&other).then(|| (other.clone(), said.clone())),
            }
        })
    }

    /// What holds for a key of a table of which nobody says anything.
    pub(super) fn default_of_table(&self, path: &KeyPath) -> Option<Value> {
        let of = self.of_table(path)?;
        let settings = self.settings_of(&of);
        let [Segment::Key(key)] = of.key else { return None };
        Some(match key.as_ref() {
            "write_batch_size" => json!(settings.write_batch_size),
            "full_load_batch_size" => json!(settings.full_load_batch_size),
            "enable_schema_evolution" => json!(settings.enable_schema_evolution),
            "deletion_strategy" => json!(settings.deletion_strategy),
            "soft_delete_column" => json!(settings.soft_delete_column),
            "deleted_at_column" => json!(settings.deleted_at_column),
            "write_mode" => json!(settings.write_mode),
            "initial_copy" => json!(settings.initial_copy),
            _ => return None,
        })
    }
}

fn is_key(key: &[Segment], name: &str) -> bool {
    matches!(key, [Segment::Key(only)] if only.as_ref() == name)
}
