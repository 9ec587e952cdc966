//! How much log a source may keep.

use super::{MINIMAL, assert_says, load, refusal};
use crate::config::{ByteCount, OnMaxRetained};

fn with(lines: &str) -> String {
    MINIMAL.replace("  type: files\n", &format!("  type: files\n{lines}"))
}

#[test]
fn log_is_kept_unless_the_operator_says_otherwise() {
    let cases = [
        ("", None, OnMaxRetained::Keep),
        ("  max_retained: 10GiB\n", Some(10 << 30), OnMaxRetained::Keep),
        ("  max_retained: 1\n  on_max_retained: release\n", Some(1), OnMaxRetained::Release),
    ];
    for (lines, max, policy) in cases {
        let source = load(&with(lines)).unwrap().source;
        assert_eq!(source.max_retained.map(ByteCount::get), max, "{lines}");
        assert_eq!(source.on_max_retained, policy, "{lines}");
    }
}

#[test]
fn what_would_mean_nothing_is_refused() {
    let cases: [(&str, &[&str]); 3] = [
        (
            "  max_retained: 0\n",
            &["config.yaml:4:17", "`source.max_retained` can't be zero", "10GiB"],
        ),
        (
            "  on_max_retained: release\n",
            &["config.yaml:4:20", "means nothing without `source.max_retained`"],
        ),
        (
            "  max_retained: 10GiB\n  on_max_retained: stop\n",
            &["config.yaml:5:20", "on_max_retained", "keep", "release"],
        ),
    ];
    for (lines, words) in cases {
        assert_says(lines, &refusal(lines, &with(lines), &[]), words);
    }
}
