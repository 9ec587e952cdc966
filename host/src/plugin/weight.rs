//! What a component weighs, for people who choose or write one.

use std::time::Duration;

use wasmparser::{BinaryReaderError, Parser, Payload};

/// A page of a memory that does not say otherwise.
const PAGE_BYTES: u64 = 64 * 1024;

/// What a component weighs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The file.
    pub file_bytes: u64,
    /// What its memories have when it starts; the operator's limit bounds what it takes later.
    pub memory_bytes: u64,
    /// What the host keeps for each instance beside that.
    pub context_bytes: u64,
    /// How long compiling it took; none where that was done before.
    pub compiled_in: Option<Duration>,
}

/// What the memories of all modules of a component have when they start, each once.
pub(super) fn memory_bytes(component: &[u8]) -> Result<u64, BinaryReaderError> {
    let mut bytes = 0_u64;
    for payload in Parser::new(0).parse_all(component) {
        let Payload::MemorySection(memories) = payload? else { continue };
        for memory in memories {
            let memory = memory?;
            let page = memory
                .page_size_log2
                .map_or(PAGE_BYTES, |log2| 1_u64.checked_shl(log2).unwrap_or(0));
            bytes = bytes.saturating_add(memory.initial.saturating_mul(page));
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_count_as_they_start() {
        let module = "(core module (memory 3 10))";
        let cases = [
            ("none", String::new(), 0),
            ("one", module.to_owned(), 3),
            (
                "two modules, one of them in a component inside",
                format!("{module}(component {module})"),
                6,
            ),
        ];
        for (name, text, pages) in cases {
            let component = wat::parse_str(format!("(component {text})")).unwrap();
            assert_eq!(memory_bytes(&component).unwrap(), pages * PAGE_BYTES, "{name}");
        }
    }
}
