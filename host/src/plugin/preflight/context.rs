//! What an instance of a component costs the host beside its memories and tables: the values of its
//! globals and the records of its functions, once for each core module that it instantiates.
//!
//! No limit of wasmtime counts them, and two megabytes of a component can ask for gigabytes: so they are
//! added up before anything is compiled. What can't be told from outside counts as its largest.

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentTypeRef, Encoding, Instance, Parser, Payload, TypeRef,
};

use crate::plugin::limits::{FUNCTION_BYTES, GLOBAL_BYTES, INSTANCES_MAX};

/// A module or component whose end is not read yet.
#[derive(Default)]
struct Open {
    is_module: bool,
    /// What an instance costs, if it is a module.
    bytes: u64,
    /// Its modules in order; none for those that come from elsewhere.
    modules: Vec<Option<u64>>,
}

/// The bytes that all instances of one connection take together, at most.
pub(super) fn bytes(component: &[u8]) -> Result<u64, BinaryReaderError> {
    let mut open: Vec<Open> = Vec::new();
    let (mut known, mut unknown, mut nested, mut largest) = (0_u64, 0_u64, false, 0_u64);
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        let depth = open.len();
        if let Payload::Version { encoding, .. } = payload {
            open.push(Open { is_module: encoding == Encoding::Module, ..Open::default() });
            continue;
        }
        let Some(here) = open.last_mut() else { continue };
        let mut add = |count: u64, each: u64| {
            here.bytes = here.bytes.saturating_add(count.saturating_mul(each));
        };
        match payload {
            Payload::GlobalSection(globals) => add(globals.count().into(), GLOBAL_BYTES),
            Payload::FunctionSection(functions) => add(functions.count().into(), FUNCTION_BYTES),
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    match import?.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => add(1, FUNCTION_BYTES),
                        _ => add(1, GLOBAL_BYTES),
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    let kind = alias?;
                    let is_module = matches!(
                        kind,
                        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. }
                            | ComponentAlias::Outer {
                                kind: ComponentOuterAliasKind::CoreModule,
                                ..
                            }
                    );
                    here.modules.extend(is_module.then_some(None));
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    if let ComponentTypeRef::Module(_) = import?.ty {
                        here.modules.push(None);
                    }
                }
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    let Instance::Instantiate { module_index, .. } = instance? else { continue };
                    nested |= depth > 1;
                    match here.modules.get(module_index as usize).copied().flatten() {
                        Some(bytes) => known = known.saturating_add(bytes),
                        None => unknown += 1,
                    }
                }
            }
            Payload::End(_) => {
                let ended = open.pop().unwrap_or_default();
                largest = largest.max(ended.bytes);
                if let Some(parent) = open.last_mut().filter(|_| ended.is_module) {
                    parent.modules.push(Some(ended.bytes));
                }
            }
            _ => {}
        }
    }
    // A component inside may be instantiated any number of times.
    let most = largest.saturating_mul(INSTANCES_MAX as u64);
    Ok(if nested { most } else { known.saturating_add(unknown.saturating_mul(largest)).min(most) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instance_counts_with_its_globals_and_functions() {
        let global = "(global i64 (i64.const 0))";
        let module = format!("(core module $m {} (func))", global.repeat(10));
        let each = 10 * GLOBAL_BYTES + FUNCTION_BYTES;
        let instance = "(core instance (instantiate $m))";
        let inner = format!("(component {module} {instance})");
        let many = INSTANCES_MAX as u64;
        let cases = [
            ("a module that nobody instantiates", module.clone(), 0),
            ("one instance", format!("{module}{instance}"), each),
            ("many", format!("{module}{}", instance.repeat(200)), 200 * each),
            (
                "no more than a store may have",
                format!("{module}{}", instance.repeat(900)),
                many * each,
            ),
            ("a second module", format!("(core module){module}{instance}"), each),
            ("components inside count as often as they may be made", inner, many * each),
        ];
        for (name, text, expected) in cases {
            let component = wat::parse_str(format!("(component {text})")).unwrap();
            assert_eq!(bytes(&component).unwrap(), expected, "{name}");
        }
    }
}
