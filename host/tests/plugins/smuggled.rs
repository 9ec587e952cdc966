//! Core modules put into the evil component beside its own: what Rust has no instructions for.

use std::{fs, path::PathBuf};

use wasmparser::{Parser, Payload};

use crate::setup::component;

/// The evil component that also instantiates these modules, given as text.
pub fn with_modules(directory: &tempfile::TempDir, modules: &[&str]) -> PathBuf {
    let mut bytes = fs::read(component()).unwrap();
    let mut index = own_modules(&bytes);
    for module in modules {
        section(&mut bytes, 1, &wat::parse_str(module).unwrap());
        // One instance of it, without arguments.
        let mut instance = vec![1, 0];
        number(&mut instance, index);
        instance.push(0);
        section(&mut bytes, 2, &instance);
        index += 1;
    }
    let path = directory.path().join("smuggled.wasm");
    fs::write(&path, bytes).unwrap();
    path
}

/// How many core modules it has at its outermost level.
fn own_modules(bytes: &[u8]) -> usize {
    let (mut depth, mut modules) = (0_usize, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } => {
                modules += usize::from(depth == 0);
                depth += 1;
            }
            Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    modules
}

fn section(bytes: &mut Vec<u8>, id: u8, content: &[u8]) {
    bytes.push(id);
    number(bytes, content.len());
    bytes.extend_from_slice(content);
}

/// LEB128.
fn number(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}
