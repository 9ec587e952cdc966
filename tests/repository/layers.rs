//! Layers of the host: a module uses only what stands below it.

use proc_macro2::TokenTree;

use crate::{
    source::{self, File},
    tokens::{self, is_punct, is_word},
};

/// Each module of the host with the modules it may use. Plugins are watched through a trait of their
/// own that `monitor` implements. What `monitor` holds is written by the runner; its port,
/// `monitor::api`, reads it and is started by `cli` alone.
const LAYERS: [(&str, &[&str]); 12] = [
    ("model", &[]),
    ("telemetry", &["model"]),
    ("config", &["model"]),
    ("schema", &["model", "config"]),
    ("store", &["model", "config"]),
    ("plugin", &["model", "config", "store"]),
    ("kit", &["model", "config", "schema", "plugin"]),
    ("serving", &[]),
    ("monitor", &["model", "plugin", "serving"]),
    ("runner", &["model", "config", "schema", "store", "plugin", "monitor", "telemetry"]),
    ("control", &["model", "config", "schema", "runner", "monitor", "serving"]),
    (
        "cli",
        &[
            "model",
            "config",
            "schema",
            "store",
            "plugin",
            "kit",
            "runner",
            "monitor",
            "telemetry",
            "control",
        ],
    ),
];
const API: &str = "monitor::api";
const ABOVE_API: [&str; 2] = ["monitor", "cli"];

fn violations(files: &[File]) -> Vec<String> {
    let of_host = files.iter().filter(|file| file.is_in("host/src") && file.is_rust());
    of_host.filter(|file| !file.is_test()).flat_map(violations_of).collect()
}

fn violations_of(file: &File) -> Vec<String> {
    let modules = modules(&file.path);
    let Some(layer) = modules.first() else {
        return Vec::new(); // lib.rs and main.rs only tie things together.
    };
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| name == layer) else {
        return vec![format!("{}: add the new layer `{layer}` to the list of layers", file.path)];
    };
    let mut used = Vec::new();
    references(&tokens::of(&file.path, &file.text), modules.len(), &mut used);
    let forbidden = used.iter().filter(|(path, _)| {
        let target = path.split("::").next().unwrap_or(path);
        let known = LAYERS.iter().any(|(name, _)| *name == target);
        let upwards = target != *layer && !allowed.contains(&target);
        known && (upwards || path == API && !ABOVE_API.contains(layer))
    });
    forbidden.map(|(used, line)| format!("{}:{line}: `{layer}` uses `{used}`", file.path)).collect()
}

/// `host/src/runner/stream.rs` is `["runner", "stream"]`.
fn modules(path: &str) -> Vec<&str> {
    let path = path.trim_start_matches("host/src/").trim_end_matches(".rs");
    path.split('/').filter(|part| !["lib", "main", "mod"].contains(part)).collect()
}

/// Collects what follows `crate::`, or as many `super::` as lead to the crate's root: the first
/// segment, and the second one too where there is one.
fn references(tokens: &[TokenTree], depth: usize, found: &mut Vec<(String, usize)>) {
    let mut at = 0;
    while at < tokens.len() {
        let mut supers = 0;
        while is_word(tokens.get(at), "super") && is_path(tokens, at + 1) {
            (supers, at) = (supers + 1, at + 3);
        }
        let rooted = is_word(tokens.get(at), "crate") && is_path(tokens, at + 1);
        if rooted {
            at += 3;
        }
        if rooted || supers >= depth {
            targets(&tokens[at.min(tokens.len())..], "", found);
        }
        if let Some(TokenTree::Group(group)) = tokens.get(at) {
            let inline_module = at >= 2 && is_word(tokens.get(at - 2), "mod");
            references(&tokens::within(group), depth + usize::from(inline_module), found);
        }
        at += 1;
    }
}

/// The path at the start of the tokens, or all paths of the braces there.
fn targets(tokens: &[TokenTree], before: &str, found: &mut Vec<(String, usize)>) {
    match tokens.first() {
        Some(TokenTree::Ident(segment)) => {
            let path = format!("{before}{segment}");
            match before.is_empty() && is_path(tokens, 1) {
                true => targets(&tokens[3..], &format!("{path}::"), found),
                false => found.push((path, segment.span().start().line)),
            }
        }
        Some(TokenTree::Group(group)) => {
            let all: Vec<_> = group.stream().into_iter().collect();
            for item in all.split(|token| is_punct(Some(token), ',')) {
                targets(item, before, found);
            }
        }
        _ => {}
    }
}

fn is_path(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

#[test]
fn every_module_uses_only_layers_below_it() {
    crate::assert_none(&violations(&source::files()));
}

#[test]
fn the_rule_finds_uses_of_upper_layers() {
    let in_plugin = "host/src/plugin/session.rs";
    crate::assert_judges(
        violations,
        &[
            ("downwards is fine", in_plugin, "use crate::model::Position;", false),
            ("upwards is not", in_plugin, "use crate::runner::Runner;", true),
            ("nor in the body of a function", in_plugin, "fn f() { crate::runner::go() }", true),
            ("nor in braces", in_plugin, "use crate::{model::A, runner::{B, C}};", true),
            ("nor behind super", in_plugin, "use super::super::runner;", true),
            ("super that stays inside is fine", in_plugin, "use super::runner;", false),
            (
                "an inline module is a level",
                in_plugin,
                "mod a { use super::super::runner; }",
                false,
            ),
            ("documentation may name anything", in_plugin, "//! See [`crate::runner`].", false),
            (
                "a test may use anything",
                in_plugin,
                "#[cfg(test)] mod t { use crate::runner; }",
                false,
            ),
            ("plugins know nothing of metrics", in_plugin, "use crate::monitor::Metrics;", true),
            (
                "the runner writes them",
                "host/src/runner/a.rs",
                "use crate::monitor::Metrics;",
                false,
            ),
            (
                "but not the port",
                "host/src/runner/a.rs",
                "use crate::monitor::{api, Metrics};",
                true,
            ),
            ("nor by its path", "host/src/runner/mod.rs", "use crate::monitor::api::serve;", true),
            (
                "the command line stands above all",
                "host/src/cli/run.rs",
                "use crate::monitor::api;",
                false,
            ),
            ("a new layer must be placed", "host/src/magic.rs", "", true),
            ("the root ties things together", "host/src/lib.rs", "pub mod runner;", false),
        ],
    );
}
