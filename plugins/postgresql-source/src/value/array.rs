//! Arrays: `{1,NULL,"a b"}`, one brace for each dimension, and bounds in front where they are not 1.
//!
//! Bytes are hostile: every length is checked, and what does not come out even is none (I8).

use std::borrow::Cow;

/// The server's own limit.
const DIMENSIONS_MAX: usize = 6;

/// The array as the server writes it; `item` says how it writes an item.
pub(super) fn text<'b>(
    bytes: &'b [u8],
    item: impl Fn(&'b [u8]) -> Option<Cow<'b, [u8]>>,
) -> Option<Vec<u8>> {
    let mut rest = bytes;
    // How many dimensions, whether there are nulls, and the type of the items.
    let count = usize::try_from(word(&mut rest)?).ok().filter(|count| *count <= DIMENSIONS_MAX)?;
    word(&mut rest)?;
    word(&mut rest)?;
    let mut dimensions = Vec::with_capacity(count);
    for _ in 0..count {
        let length = usize::try_from(word(&mut rest)?).ok().filter(|length| *length > 0)?;
        dimensions.push((length, word(&mut rest)?));
    }
    if dimensions.is_empty() {
        return rest.is_empty().then(|| b"{}".to_vec());
    }
    // Each item has a length of four bytes.
    let items =
        dimensions.iter().try_fold(1_usize, |items, (length, _)| items.checked_mul(*length));
    let items = items.filter(|items| *items <= rest.len() / 4)?;
    let mut text = Vec::with_capacity(rest.len());
    if dimensions.iter().any(|(_, lower)| *lower != 1) {
        for (length, lower) in &dimensions {
            let upper = i64::from(*lower) + *length as i64 - 1;
            text.extend_from_slice(format!("[{lower}:{upper}]").as_bytes());
        }
        text.push(b'=');
    }
    for at in 0..items {
        // Braces open and close where the items of a dimension begin and end.
        let mut open = 0;
        let mut size = 1;
        for (length, _) in dimensions.iter().rev() {
            size *= length;
            open += usize::from(at % size == 0);
        }
        if at > 0 {
            text.extend(std::iter::repeat_n(b'}', open));
            text.push(b',');
        }
        text.extend(std::iter::repeat_n(b'{', open));
        match usize::try_from(word(&mut rest)?) {
            Err(_) => text.extend_from_slice(b"NULL"),
            Ok(length) => {
                let (bytes, tail) = rest.split_at_checked(length)?;
                rest = tail;
                push(&mut text, &item(bytes)?);
            }
        }
    }
    text.extend(std::iter::repeat_n(b'}', count));
    rest.is_empty().then_some(text)
}

fn word(rest: &mut &[u8]) -> Option<i32> {
    let (word, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(i32::from_be_bytes(*word))
}

/// Writes an item, in quotes where it could be taken for something else without.
fn push(text: &mut Vec<u8>, item: &[u8]) {
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'{' | b'}' | b',' | b' ' | 9..=13);
    if !item.is_empty() && !item.eq_ignore_ascii_case(b"NULL") && !item.iter().any(is_special) {
        text.extend_from_slice(item);
        return;
    }
    text.push(b'"');
    for byte in item {
        if matches!(byte, b'"' | b'\\') {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    text.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(dimensions: &[(i32, i32)], items: &[Option<&str>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut word = |word: i32| bytes.extend_from_slice(&word.to_be_bytes());
        [dimensions.len() as i32, 0, 25].into_iter().for_each(&mut word);
        for (length, lower) in dimensions {
            word(*length);
            word(*lower);
        }
        for item in items {
            bytes.extend_from_slice(&item.map_or(-1, |item| item.len() as i32).to_be_bytes());
            bytes.extend_from_slice(item.unwrap_or_default().as_bytes());
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Option<String> {
        let text = text(bytes, |item| Some(Cow::Borrowed(item)))?;
        Some(String::from_utf8(text).unwrap())
    }

    #[test]
    fn items_stand_in_braces() {
        let numbers: Vec<String> = (1..=8).map(|number| number.to_string()).collect();
        let numbers: Vec<_> = numbers.iter().map(|number| Some(number.as_str())).collect();
        for (dimensions, items, text) in [
            (vec![], vec![], "{}"),
            (vec![(1, 1)], vec![None], "{NULL}"),
            (vec![(2, 0)], vec![Some("a"), None], "[0:1]={a,NULL}"),
            (
                vec![(4, 1)],
                ["", "null", "a b", "\"\\"].map(Some).to_vec(),
                r#"{"","null","a b","\"\\"}"#,
            ),
            (vec![(2, 1), (4, 1)], numbers.clone(), "{{1,2,3,4},{5,6,7,8}}"),
            (
                vec![(2, 1), (2, -1), (2, 1)],
                numbers,
                "[1:2][-1:0][1:2]={{{1,2},{3,4}},{{5,6},{7,8}}}",
            ),
        ] {
            assert_eq!(read(&bytes(&dimensions, &items)).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_array_is_none() {
        let good = bytes(&[(2, 1)], &[Some("a"), None]);
        for end in 0..good.len() {
            assert_eq!(read(&good[..end]), None, "cut at {end}");
        }
        assert_eq!(read(&[&good[..], &[0]].concat()), None);
        for dimensions in [&[(0, 1)][..], &[(-1, 1)], &[(1, 1); 7], &[(i32::MAX, 1); 6], &[(3, 1)]]
        {
            assert_eq!(read(&bytes(dimensions, &[Some("a")])), None, "{dimensions:?}");
        }
    }
}
