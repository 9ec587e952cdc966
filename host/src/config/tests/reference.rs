//! `docs/configuration.md` is written from the types of `settings`, so that it has every key as it is.

use std::fmt::Write;

use serde_json::Value;

use crate::{
    config::{
        keys::Node,
        path::{KeyPath, Segment},
        unsupported,
    },
    model::written::assert_written,
};

/// What stands before the keys is written by hand.
const MARK: &str = "<!-- keys, by `make docs` -->\n";

/// The root, and each map of keys below it, in the order of the page.
#[derive(Default)]
struct Page {
    text: String,
    refused: Vec<(String, &'static str)>,
    undescribed: Vec<String>,
}

impl Page {
    /// A map's own keys, then the maps below it.
    fn section(&mut self, node: Node, path: &KeyPath, depth: usize) {
        let mut below = Vec::new();
        let required = node.required();
        for name in node.names() {
            let path = path.key(name);
            let key = node.step(&Segment::Key(name.into())).unwrap();
            if let Some(reason) = unsupported::reason(&path) {
                self.refused.push((shown(&path), reason));
                continue;
            }
            self.undescribed.extend(key.description().is_empty().then(|| shown(&path)));
            match map_below(key, &path) {
                Some((map, at)) => below.push((key, map, at)),
                None => self.key(key, name, required.contains(&name)),
            }
        }
        for (key, map, path) in below {
            let level = "#".repeat((depth + 2).min(6));
            let about = one_line(key.description());
            write!(self.text, "\n{level} `{}`\n\n{about}\n\n", shown(&path)).unwrap();
            self.section(map, &path, depth + 1);
        }
    }

    fn key(&mut self, key: Node, name: &str, is_required: bool) {
        let default = match (key.default(), is_required) {
            (_, true) => "**required**".to_owned(),
            (None | Some(Value::Null), false) => "not set".to_owned(),
            (Some(Value::String(text)), false) if text.is_empty() => "empty".to_owned(),
            (Some(Value::String(text)), false) => format!("default `{text}`"),
            (Some(Value::Array(list)), false) if list.is_empty() => "empty".to_owned(),
            (Some(Value::Object(map)), false) if map.is_empty() => "empty".to_owned(),
            (Some(other), false) => format!("default `{other}`"),
        };
        let about = one_line(key.description());
        writeln!(self.text, "- **`{name}`** ({}; {default}): {about}", key.expected()).unwrap();
    }
}

/// The map of keys that a key stands for: itself, an item of its list, or an entry of its map.
fn map_below(key: Node, path: &KeyPath) -> Option<(Node, KeyPath)> {
    let has_keys = |node: &Node| !node.names().is_empty() && !node.accepts("string");
    let itself = Some((key, path.clone())).filter(|(node, _)| has_keys(node));
    let item = || Some((key.step(&Segment::Index(0))?, path.key("[]")));
    let entry = || Some((key.step(&Segment::Key("NAME".into()))?, path.key("NAME")));
    let of_list = || item().filter(|(node, _)| !node.names().is_empty());
    let of_map = || entry().filter(|(node, _)| has_keys(node));
    itself.or_else(of_list).or_else(of_map)
}

fn shown(path: &KeyPath) -> String {
    path.to_string().replace(".[]", "[]")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn keys() -> Page {
    let mut page = Page::default();
    page.text.push('\n');
    page.section(Node::root(), &KeyPath::default(), 0);
    page.text.push_str("\n## Keys that are refused\n\n");
    page.text.push_str("They belong to the design, and this release does not have them.\n\n");
    for (key, reason) in std::mem::take(&mut page.refused) {
        writeln!(page.text, "- **`{key}`**: {reason}.").unwrap();
    }
    page
}

#[test]
fn the_page_has_each_key_as_it_is() {
    let page = keys();
    assert_eq!(page.undescribed, Vec::<String>::new());
    assert_written("configuration.md", MARK, &page.text);
}
