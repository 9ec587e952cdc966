//! Many problems of one file, and files that are none.

use super::{MINIMAL, assert_says, refusal};

#[test]
fn independent_problems_are_told_together() {
    let lines = "dry_runn: true\nmode: duo\nglobal_max_parallel_streams: 0\nstate_dir: ${NOPE}\n";
    let answer = refusal("four at once", &format!("{MINIMAL}{lines}"), &[]);
    let words = ["4 problems", "dry_runn", "\"duo\"", "can't be 0", "`NOPE` is not set"];
    assert_says("four at once", &answer, &words);
}

#[test]
fn places_count_characters_whatever_the_line_ends_are() {
    let unix = format!("{MINIMAL}state_dir: 'é😀'\nmonitoring: {{log_level: 'ü', port: 1}}\n");
    for (case, text) in [("unix", unix.clone()), ("windows", unix.replace('\n', "\r\n"))] {
        let words = ["config.yaml:11:25", "config.yaml:11:30", "monitoring.port", "\"ü\""];
        assert_says(case, &refusal(case, &text, &[]), &words);
    }
}

#[test]
fn more_problems_than_a_person_mends_are_counted() {
    let lines: String = (0..2_000).map(|n| format!("x{n}: 1\n")).collect();
    let answer = refusal("many", &format!("{MINIMAL}{lines}"), &[]);
    assert_says("many", &answer, &["unknown key `x0`", "1950 more problems are not shown"]);
    assert!(answer.len() < 50_000, "{} bytes", answer.len());
}

#[test]
fn hostile_files_are_refused_without_harm() {
    let laughs = (1..9).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        let one = format!("*a{}", n - 1);
        format!("{text}a{n}: &a{n} [{}]\n", [one.as_str(); 9].join(", "))
    });
    let list = format!("a: &a [{}]\n", "1,".repeat(5_000));
    let many_times = format!("{list}b: [{}]\n", "*a,".repeat(5_000));
    let cases = [
        ("an alias bomb", laughs, "aliases counted"),
        ("lists nested a million deep", "[".repeat(900_000), "config::not-yaml"),
        ("maps nested deep", "{a: ".repeat(10_000), "config::not-yaml"),
        ("blocks nested deep", "- ".repeat(10_000), "nested deeper"),
        ("a scalar", "just text".to_owned(), "is not a map of keys"),
        ("a list", "- a\n- b\n".to_owned(), "is not a map of keys"),
        ("nothing", String::new(), "`source` is missing"),
        ("an alias to itself", "a: &a [*a]\n".to_owned(), "config"),
        ("an alias to nothing", "a: *b\n".to_owned(), "not YAML"),
        ("a long list many times", many_times, "aliases counted"),
        ("a hundred thousand values", format!("a: [{}]", "1,".repeat(100_000)), "values"),
        ("a nul byte", "a: \u{0}\n".to_owned(), "config"),
    ];
    for (case, text, word) in &cases {
        assert_says(case, &refusal(case, text, &[]), &[word]);
    }
}
