//! Verdicts as JUnit's XML, which most CI systems show.

use std::fmt::Write;

use super::check::{Outcome, Verdict};
use crate::model::redaction::redact;

/// A document with one test case for each verdict; `suite` is what was tested.
pub fn junit(suite: &str, verdicts: &[Verdict]) -> String {
    let count = |is: fn(&Outcome) -> bool| verdicts.iter().filter(|it| is(&it.outcome)).count();
    let failures = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let skipped = count(|outcome| matches!(outcome, Outcome::NotApplicable(_)));
    let suite = escaped(suite);
    let mut cases = String::new();
    for Verdict { name, meaning: _, outcome, took } in verdicts {
        let result = match outcome {
            Outcome::Passed => String::new(),
            Outcome::NotApplicable(reason) => format!("<skipped message=\"{}\"/>", escaped(reason)),
            Outcome::Failed(finding) => {
                let message = format!("expected {}, saw {}", finding.expected, finding.seen);
                format!(
                    "<failure message=\"{}\">{}</failure>",
                    escaped(&message),
                    escaped(&finding.advice)
                )
            }
        };
        let seconds = took.as_secs_f64();
        // Writing to a text does not fail.
        let _ = writeln!(
            cases,
            "  <testcase classname=\"{suite}\" name=\"{name}\" time=\"{seconds:.3}\">{result}</testcase>"
        );
    }
    let tests = verdicts.len();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{suite}\" tests=\"{tests}\" \
         failures=\"{failures}\" skipped=\"{skipped}\">\n{cases}</testsuite>\n"
    )
}

/// Text within an attribute or an element: XML has no form for most control characters.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for c in redact(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::kit::Finding;

    #[test]
    fn what_a_connector_says_stays_text() {
        let finding = Finding {
            expected: "\"a\"".to_owned(),
            seen: "<b>&\u{1b}[2J".to_owned(),
            advice: "]]></failure>".to_owned(),
        };
        let outcome = Outcome::Failed(finding);
        let verdict =
            Verdict { name: "order", meaning: "", outcome, took: Duration::from_millis(1500) };
        let document = junit("a \"name\"", &[verdict]);
        let expected = "  <testcase classname=\"a &quot;name&quot;\" name=\"order\" time=\"1.500\">\
                        <failure message=\"expected &quot;a&quot;, saw &lt;b&gt;&amp;\u{fffd}[2J\">\
                        ]]&gt;&lt;/failure&gt;</failure></testcase>\n";
        assert!(document.contains(expected), "{document}");
        assert!(document.contains("tests=\"1\" failures=\"1\" skipped=\"0\""), "{document}");
    }
}
