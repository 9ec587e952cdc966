//! Files and rooms of one folder use each other in one direction.
//!
//! Whoever uses a name that a folder's `mod.rs` hands on uses the file that it comes from. The `mod.rs`
//! itself is the door of its folder: it may hold what its files share.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proc_macro2::TokenTree;

use crate::{
    source::{self, File},
    tokens::{self, is_punct, is_word},
};

/// Folders of crates whose structure people find their way by.
const CRATES: [&str; 3] = ["host/src", "sdk/src", "plugins"];

/// A module's path from the root of its crate.
type Path = Vec<String>;

/// The modules of one crate.
#[derive(Default)]
struct Crate<'a> {
    files: Vec<(Path, &'a File)>,
    modules: BTreeSet<Path>,
    /// Names that a module hands on, and what they are.
    handed_on: HashMap<Path, Path>,
}

fn violations(files: &[File]) -> Vec<String> {
    let mut crates: BTreeMap<String, Crate> = BTreeMap::new();
    let ours = |file: &&File| {
        CRATES.iter().any(|folder| file.is_in(folder)) && file.is_rust() && !file.is_test()
    };
    for file in files.iter().filter(ours) {
        let Some((root, path)) = file.path.split_once("/src/") else { continue };
        crates.entry(root.to_owned()).or_default().add(path, file);
    }
    crates.iter_mut().flat_map(|(root, of_crate)| of_crate.violations(root)).collect()
}

impl<'a> Crate<'a> {
    fn add(&mut self, path: &str, file: &'a File) {
        let parts = path.trim_end_matches(".rs").split('/');
        let module: Path =
            parts.filter(|part| !["lib", "main", "mod"].contains(part)).map(Into::into).collect();
        for length in 1..=module.len() {
            self.modules.insert(module[..length].to_vec());
        }
        self.files.push((module, file));
    }

    fn violations(&mut self, root: &str) -> Vec<String> {
        let mut uses = Vec::new();
        for (module, file) in &self.files {
            let mut found = Found { modules: &self.modules, paths: Vec::new() };
            found.scan(&tokens::of(&file.path, &file.text), module);
            for Use { path, name, is_public } in found.paths {
                if is_public {
                    let handed: Path = module.iter().cloned().chain([name]).collect();
                    self.handed_on.insert(handed, path.clone());
                }
                uses.push((module.clone(), path));
            }
        }
        // By folder: who uses whom.
        let mut folders: BTreeMap<Path, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (user, path) in uses {
            let used = self.resolve(path);
            let common = user.iter().zip(&used).take_while(|(a, b)| a == b).count();
            if common < user.len() && common < used.len() {
                let users = folders.entry(user[..common].to_vec()).or_default();
                users.entry(user[common].clone()).or_default().insert(used[common].clone());
            }
        }
        let circle = |(folder, users): (&Path, &BTreeMap<_, _>)| {
            let circle = circle(users)?;
            let folder: String = folder.iter().map(|part| format!("/{part}")).collect();
            Some(format!("{root}/src{folder} goes in circles: {circle}"))
        };
        folders.iter().filter_map(circle).collect()
    }

    /// The module that something comes from.
    fn resolve(&self, mut path: Path) -> Path {
        // A name may be handed on several times.
        for _ in 0..8 {
            let known = (1..=path.len()).take_while(|n| self.modules.contains(&path[..*n])).count();
            let Some(target) = path.get(..=known).and_then(|name| self.handed_on.get(name)) else {
                path.truncate(known);
                return path;
            };
            path = target.iter().chain(&path[known + 1..]).cloned().collect();
        }
        path
    }
}

/// Something that a file uses, as it says it.
struct Use {
    path: Path,
    /// What it is called here.
    name: String,
    is_public: bool,
}

struct Found<'a> {
    modules: &'a BTreeSet<Path>,
    paths: Vec<Use>,
}

impl Found<'_> {
    fn scan(&mut self, tokens: &[TokenTree], module: &[String]) {
        let (mut at, mut is_public, mut imports) = (0, false, false);
        while at < tokens.len() {
            let token = tokens.get(at);
            if is_word(token, "pub") {
                is_public = true;
            } else if is_word(token, "use") {
                imports = true;
                if let Some(TokenTree::Ident(first)) = tokens.get(at + 1)
                    && self.modules.contains(&[module, &[first.to_string()]].concat())
                {
                    self.expand(&tokens[at + 1..], module.to_vec(), is_public);
                }
            } else if is_punct(token, ';') {
                (is_public, imports) = (false, false);
            }
            if let Some((base, length)) = based(&tokens[at..], module) {
                self.expand(&tokens[at + length..], base, is_public && imports);
                at += length;
            }
            if let Some(TokenTree::Group(group)) = tokens.get(at) {
                let inner = at >= 2 && is_word(tokens.get(at - 2), "mod");
                let name = inner.then(|| tokens[at - 1].to_string());
                let module: Path = module.iter().cloned().chain(name).collect();
                self.scan(&tokens::within(group), &module);
            }
            at += 1;
        }
    }

    /// The path at the start of the tokens, or all paths of the braces there.
    fn expand(&mut self, tokens: &[TokenTree], before: Path, is_public: bool) {
        match tokens.first() {
            Some(TokenTree::Ident(segment)) if segment == "self" => {
                let name = before.last().cloned().unwrap_or_default();
                self.paths.push(Use { path: before, name, is_public });
            }
            Some(TokenTree::Ident(segment)) => {
                let path: Path = before.into_iter().chain([segment.to_string()]).collect();
                if is_path(tokens, 1) {
                    return self.expand(&tokens[3..], path, is_public);
                }
                let renamed = is_word(tokens.get(1), "as").then(|| tokens[2].to_string());
                let name = renamed.unwrap_or_else(|| segment.to_string());
                self.paths.push(Use { path, name, is_public });
            }
            Some(TokenTree::Group(group)) => {
                let all: Vec<_> = group.stream().into_iter().collect();
                for item in all.split(|token| is_punct(Some(token), ',')) {
                    self.expand(item, before.clone(), is_public);
                }
            }
            _ => {}
        }
    }
}

/// The module that `crate::`, `self::` or some `super::` lead to, and how many tokens those are.
fn based(tokens: &[TokenTree], module: &[String]) -> Option<(Path, usize)> {
    let starts = |at: usize, word| is_word(tokens.get(at), word) && is_path(tokens, at + 1);
    if starts(0, "crate") {
        return Some((Vec::new(), 3));
    }
    if starts(0, "self") {
        return Some((module.to_vec(), 3));
    }
    let supers = (0..).take_while(|n| starts(3 * n, "super")).count();
    let base = module.get(..module.len().checked_sub(supers)?)?;
    (supers > 0).then(|| (base.to_vec(), 3 * supers))
}

fn is_path(tokens: &[TokenTree], at: usize) -> bool {
    is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')
}

/// Names that use each other, with what they use, if there are some: what is left when all are gone
/// that nobody uses or that use nobody.
fn circle(users: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let mut left = users.clone();
    loop {
        let names: BTreeSet<String> = left.keys().cloned().collect();
        let used: BTreeSet<String> = left.values().flatten().cloned().collect();
        left.retain(|name, _| used.contains(name));
        left.values_mut().for_each(|used| used.retain(|name| names.contains(name)));
        left.retain(|_, used| !used.is_empty());
        if left.keys().eq(names.iter()) && left.values().flatten().all(|name| names.contains(name))
        {
            break;
        }
    }
    let uses = |(name, used): (String, BTreeSet<String>)| {
        format!("{name} uses {}", used.into_iter().collect::<Vec<_>>().join(" and "))
    };
    (!left.is_empty()).then(|| left.into_iter().map(uses).collect::<Vec<_>>().join(", "))
}

#[test]
fn files_of_a_folder_use_each_other_in_one_direction() {
    crate::assert_none(&violations(&source::files()));
}

#[test]
fn the_rule_finds_circles() {
    let file = |path: &str, text: &str| File::new(&format!("host/src/{path}"), text);
    let cases = [
        ("one direction is fine", "use super::b::B;", "fn f() {}", "", false),
        ("two are not", "use super::b::B;", "use super::a::A;", "", true),
        ("nor in braces", "use super::{b::B};", "use crate::x::{a::{self}};", "", true),
        ("nor in a body", "fn f() { super::b::go() }", "fn f() { crate::x::a::go() }", "", true),
        ("nor behind the door", "use super::B;", "use super::a::A;", "mod b; pub use b::B;", true),
        (
            "nor under another name",
            "use super::C;",
            "use super::a::A;",
            "pub use self::b::{B as C};",
            true,
        ),
        ("what the door has itself is shared", "use super::D;", "use super::a::A;", "", false),
        ("the door uses its files", "fn f() {}", "fn f() {}", "use a::A; use b::B;", false),
        (
            "tests use anything",
            "use super::b::B;",
            "#[cfg(test)] mod t { use super::super::a; }",
            "",
            false,
        ),
    ];
    for (name, a, b, door, is_bad) in cases {
        let files = [file("x/mod.rs", door), file("x/a.rs", a), file("x/b.rs", b)];
        let found = violations(&files);
        assert_eq!(!found.is_empty(), is_bad, "{name}: {found:?}");
    }
    let rooms = [file("x/c/d.rs", "use crate::x::a::A;"), file("x/a.rs", "use super::c::d::D;")];
    assert!(!violations(&rooms).is_empty(), "rooms are in a folder, too");
}
