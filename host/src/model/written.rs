//! Documents of which the end is written from the program itself, so that they say how it is.

use std::{fs, path::Path};

/// Writes the ends of pages instead of comparing them.
const WRITE: &str = "CARTRIDGE_WARP_TEST_WRITE_DOCS";

/// Asserts that what stands behind the mark of a page of `docs/` is this.
pub fn assert_written(page: &str, mark: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (by_hand, old) = text.split_once(mark).unwrap();
    if std::env::var_os(WRITE).is_some() {
        return fs::write(&path, format!("{by_hand}{mark}{now}")).unwrap();
    }
    let other: Vec<_> = now.lines().filter(|line| !old.lines().any(|o| o == *line)).collect();
    assert!(old == now, "docs/{page} lacks\n{}\n`make docs` writes it anew", other.join("\n"));
}
