//! Lines of standard input, each a message.

use std::{
    io::{self, BufRead, Read},
    thread,
};

use tokio::sync::mpsc::{Receiver, channel};

/// The longest message.
const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Messages that wait while one is answered; whoever sends more waits.
const WAITING_MAX: usize = 4;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Whole(Vec<u8>),
    TooLong,
}

/// Reads until there is no more; on a thread of its own, since nothing else ends a read.
pub fn read() -> Receiver<Line> {
    let (tell, lines) = channel(WAITING_MAX);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(line)) = next(&mut input, LINE_BYTES_MAX) {
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The next line, without its end; none at the end of all.
fn next(input: &mut impl BufRead, bytes_max: usize) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    if input.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(Some(Line::Whole(line)));
    }
    if line.len() <= bytes_max {
        // The last one, whose end is the end of all.
        return Ok(Some(Line::Whole(line)));
    }
    loop {
        let bytes = input.fill_buf()?;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let passed = end.map_or(bytes.len(), |end| end + 1);
        let is_over = end.is_some() || bytes.is_empty();
        input.consume(passed);
        if is_over {
            return Ok(Some(Line::TooLong));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_one_is_read() {
        let text = format!("one\n\n{}\n12345\ntail", "x".repeat(100));
        let mut input = io::BufReader::with_capacity(7, text.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = next(&mut input, 5).unwrap() {
            lines.push(match line {
                Line::Whole(line) => String::from_utf8(line).unwrap(),
                Line::TooLong => "too long".to_owned(),
            });
        }
        assert_eq!(lines, ["one", "", "too long", "12345", "tail"]);
    }
}
