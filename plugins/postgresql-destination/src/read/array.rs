//! Arrays: `{1,NULL,"a b"}`, one brace for each dimension, and bounds in front where they are not 1.

use super::Read;
use crate::binary::{NULL, sized};

/// The server's own limit.
const DIMENSIONS_MAX: usize = 6;
/// Where arrays begin to count unless they say so.
const LOWER_BOUND: i32 = 1;

/// Where an array that is being read stands.
struct Walk<'t> {
    text: &'t [u8],
    at: usize,
    /// How many items each open brace has so far.
    counts: Vec<i32>,
    /// How many items a brace of each depth has, once one was closed.
    lengths: Vec<Option<i32>>,
}

/// Writes the array; none where it is no array as the server writes it.
pub(super) fn read(text: &str, item: Read, oid: u32, out: &mut Vec<u8>) -> Option<()> {
    let (bounds, body) = bounds(text)?;
    if body == "{}" && bounds.is_empty() {
        [0, 0, oid].iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
        return Some(());
    }
    let dimensions = body.bytes().take_while(|byte| *byte == b'{').count();
    let has_bounds = bounds.is_empty() || bounds.len() == dimensions;
    if !(1..=DIMENSIONS_MAX).contains(&dimensions) || !has_bounds {
        return None;
    }
    let begin = out.len();
    // Its head is known when all items are.
    out.resize(begin + 12 + 8 * dimensions, 0);
    let lengths = vec![None; dimensions];
    let mut walk = Walk { text: body.as_bytes(), at: 0, counts: Vec::new(), lengths };
    let has_nulls = walk.items(item, out)?;
    let mut head = Vec::with_capacity(12 + 8 * dimensions);
    head.extend_from_slice(&(dimensions as u32).to_be_bytes());
    head.extend_from_slice(&u32::from(has_nulls).to_be_bytes());
    head.extend_from_slice(&oid.to_be_bytes());
    for (at, length) in walk.lengths.iter().enumerate() {
        let length = (*length)?;
        let lower = match bounds.get(at) {
            Some((lower, upper)) => (upper.checked_sub(*lower)? == length - 1).then_some(*lower)?,
            None => LOWER_BOUND,
        };
        head.extend_from_slice(&length.to_be_bytes());
        head.extend_from_slice(&lower.to_be_bytes());
    }
    out[begin..begin + head.len()].copy_from_slice(&head);
    Some(())
}

/// What stands before `=`, and the rest.
fn bounds(text: &str) -> Option<(Vec<(i32, i32)>, &str)> {
    if !text.starts_with('[') {
        return Some((Vec::new(), text));
    }
    let (bounds, body) = text.split_once('=')?;
    let bounds = bounds.strip_prefix('[')?.strip_suffix(']')?.split("][").map(|bound| {
        let (lower, upper) = bound.split_once(':')?;
        Some((lower.parse().ok()?, upper.parse().ok()?))
    });
    Some((bounds.collect::<Option<_>>()?, body))
}

impl Walk<'_> {
    /// Writes all items, each with its length in front, and says whether there are nulls.
    fn items(&mut self, item: Read, out: &mut Vec<u8>) -> Option<bool> {
        let (mut has_nulls, mut unescaped) = (false, Vec::new());
        let mut wants_value = true;
        loop {
            let byte = *self.text.get(self.at)?;
            match byte {
                b'{' if wants_value && self.counts.len() < self.lengths.len() => {
                    self.counts.push(0);
                    self.at += 1;
                }
                b'}' if !wants_value => {
                    self.close()?;
                    if self.counts.is_empty() {
                        return (self.at == self.text.len()).then_some(has_nulls);
                    }
                }
                b',' if !wants_value => {
                    wants_value = true;
                    self.at += 1;
                }
                _ if wants_value && self.counts.len() == self.lengths.len() => {
                    let text = self.item(&mut unescaped)?;
                    match text {
                        None => {
                            has_nulls = true;
                            out.extend_from_slice(&NULL);
                        }
                        Some(text) => sized(out, |out| item(text, out))?,
                    }
                    *self.counts.last_mut()? += 1;
                    wants_value = false;
                }
                _ => return None,
            }
        }
    }

    /// Closes a brace; those of one depth have equally many items.
    fn close(&mut self) -> Option<()> {
        self.at += 1;
        let count = self.counts.pop()?;
        let length = self.lengths.get_mut(self.counts.len())?;
        if *length.get_or_insert(count) != count {
            return None;
        }
        if let Some(outer) = self.counts.last_mut() {
            *outer += 1;
        }
        Some(())
    }

    /// The text of an item without its quotes; none for NULL.
    fn item<'s>(&mut self, unescaped: &'s mut Vec<u8>) -> Option<Option<&'s str>> {
        unescaped.clear();
        let is_quoted = self.text[self.at] == b'"';
        self.at += usize::from(is_quoted);
        loop {
            match *self.text.get(self.at)? {
                b'"' if is_quoted => {
                    self.at += 1;
                    break;
                }
                b'\\' if is_quoted => {
                    unescaped.push(*self.text.get(self.at + 1)?);
                    self.at += 2;
                }
                b',' | b'}' if !is_quoted => break,
                b'"' | b'\\' | b'{' | b' ' | b'\t'..=b'\r' if !is_quoted => return None,
                byte => {
                    unescaped.push(byte);
                    self.at += 1;
                }
            }
        }
        if !is_quoted && unescaped.eq_ignore_ascii_case(b"NULL") {
            return Some(None);
        }
        let is_empty = unescaped.is_empty();
        let text = std::str::from_utf8(unescaped).ok()?;
        (is_quoted || !is_empty).then_some(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::super::plain;
    use super::*;

    const OID: u32 = 25;

    /// Dimensions with their lower bounds, and the items.
    type Array = (Vec<(i32, i32)>, Vec<Option<String>>);

    fn array(text: &str) -> Option<Array> {
        let mut out = Vec::new();
        read(text, plain::text, OID, &mut out)?;
        let mut words = out.chunks(4).map(|word| i32::from_be_bytes(word.try_into().unwrap()));
        let mut word = || words.next().unwrap();
        let (count, has_nulls) = (word(), word() == 1);
        assert_eq!(word(), OID.cast_signed());
        let dimensions: Vec<_> = (0..count).map(|_| (word(), word())).collect();
        let (mut rest, mut items) = (&out[12 + 8 * count as usize..], Vec::new());
        while let Some((length, tail)) = rest.split_first_chunk() {
            let length = usize::try_from(i32::from_be_bytes(*length)).ok();
            let (item, tail) = tail.split_at(length.unwrap_or(0));
            items.push(length.map(|_| String::from_utf8(item.to_vec()).unwrap()));
            rest = tail;
        }
        assert_eq!(items.contains(&None), has_nulls, "{text}");
        Some((dimensions, items))
    }

    #[test]
    fn items_stand_in_braces() {
        let some = |items: &[&str]| -> Vec<Option<String>> {
            let item = |item: &&str| (*item != "~").then(|| (*item).to_owned());
            items.iter().map(item).collect()
        };
        for (text, dimensions, items) in [
            ("{}", vec![], some(&[])),
            ("{1}", vec![(1, 1)], some(&["1"])),
            ("{1,NULL,3}", vec![(3, 1)], some(&["1", "~", "3"])),
            ("{\"\",\"NULL\",\"a b\"}", vec![(3, 1)], some(&["", "NULL", "a b"])),
            ("{\"a\\\"b\\\\\",\"{,}\"}", vec![(2, 1)], some(&["a\"b\\", "{,}"])),
            ("{{1,2},{3,4},{5,6}}", vec![(3, 1), (2, 1)], some(&["1", "2", "3", "4", "5", "6"])),
            ("[0:1]={a,~}", vec![(2, 0)], some(&["a", "~"]).into_iter().take(1).collect()),
            ("[-1:-1][2:3]={{ü,x}}", vec![(1, -1), (2, 2)], some(&["ü", "x"])),
        ] {
            let (found, all) = array(text).unwrap();
            assert_eq!(found, dimensions, "{text}");
            assert_eq!(all[..items.len()], items[..], "{text}");
        }
    }

    #[test]
    fn other_texts_are_left_to_the_server() {
        for text in [
            "",
            "1",
            "{",
            "{1",
            "{1,}",
            "{,1}",
            "{1}}",
            "{1} ",
            "{ 1}",
            "{1 }",
            "{{}}",
            "{{1},{2,3}}",
            "{{1},2}",
            "{1,{2}}",
            "{\"a",
            "{\"a\\",
            "{\"a\"b}",
            "{a\\b}",
            "{a\"b}",
            "[0:1]={1}",
            "[0:0][0:0]={1}",
            "[0:0={1}",
            "[1:2147483648]={1}",
            "[0:-1]={}",
            "{{{{{{{1}}}}}}}",
        ] {
            assert_eq!(array(text), None, "{text}");
        }
    }
}
