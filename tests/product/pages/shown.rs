//! Whether a command showed what its page says.

/// Stands for anything.
const ANYTHING: &str = "…";

/// What a person reads of stderr: log lines are JSON where it is no terminal.
pub fn without_log(stderr: &str) -> String {
    let words = stderr.lines().filter(|line| !line.starts_with("{\"timestamp\""));
    words.map(|line| format!("{line}\n")).collect()
}

/// Compares what a page shows with what a command said. A page that shows nothing says nothing of it.
pub fn compare(shown: &[String], said: &str) -> Result<(), String> {
    let shown: Vec<&str> = shown.iter().map(|line| line.trim_end()).collect();
    let said: Vec<&str> = said.lines().map(str::trim_end).collect();
    match shown.is_empty() || fits(&shown, &said) {
        true => Ok(()),
        false => Err(format!("the page shows\n{}\n", shown.join("\n"))),
    }
}

fn fits(shown: &[&str], said: &[&str]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((&ANYTHING, rest)) => (0..=said.len()).any(|at| fits(rest, &said[at..])),
        Some((line, rest)) => said
            .split_first()
            .is_some_and(|(first, others)| line_fits(line, first) && fits(rest, others)),
    }
}

fn line_fits(shown: &str, said: &str) -> bool {
    let Some((front, rest)) = shown.split_once(ANYTHING) else { return shown == said };
    let Some(said) = said.strip_prefix(front) else { return false };
    said.char_indices().map(|(at, _)| at).chain([said.len()]).any(|at| line_fits(rest, &said[at..]))
}

#[test]
fn a_page_that_shows_something_else_is_found() {
    let said = "a: 12 rows\nb: 3 rows\n";
    let cases: [(&[&str], bool); 9] = [
        (&[], true),
        (&["a: 12 rows", "b: 3 rows"], true),
        (&["a: … rows", "b: 3 …"], true),
        (&["…", "b: 3 rows"], true),
        (&["a: 12 rows", "…"], true),
        (&["a: 12 rows"], false),
        (&["a: 13 rows", "b: 3 rows"], false),
        (&["a: … lines", "b: 3 rows"], false),
        (&["b: 3 rows", "…"], false),
    ];
    for (shown, is_so) in cases {
        let lines: Vec<String> = shown.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(compare(&lines, said).is_ok(), is_so, "{shown:?}");
    }
}
