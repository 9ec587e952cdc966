//! The ways in which a secret's bytes stand in a text, but for what [`super::views`] undoes.

use std::collections::BTreeSet;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// One way to write a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    pub bytes: Vec<u8>,
    /// Base64 whose neighbours hold bits of the secret too.
    pub head: bool,
    pub tail: bool,
}

/// All forms of a value, each once.
pub(super) fn of(value: &str) -> BTreeSet<Form> {
    let bytes = value.as_bytes();
    let whole = |bytes: Vec<u8>| Form { bytes, head: false, tail: false };
    let mut forms = BTreeSet::from([
        whole(bytes.to_vec()),
        whole(HEXLOWER.encode(bytes).into_bytes()),
        whole(HEXUPPER.encode(bytes).into_bytes()),
        whole(numbers(bytes, ", ").into_bytes()),
        whole(numbers(bytes, ",").into_bytes()),
    ]);
    // As a form of the web writes spaces.
    forms.insert(whole(value.replace(' ', "+").into_bytes()));
    for before in 0..3 {
        for encoding in [&BASE64_NOPAD, &BASE64URL_NOPAD] {
            forms.insert(inside_base64(bytes, before, encoding));
        }
    }
    forms
}

/// `104, 117, 110` as languages print bytes, or `104,117,110` as JSON has them.
fn numbers(bytes: &[u8], between: &str) -> String {
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    numbers.join(between)
}

/// What a value looks like inside of a longer text in base64, `before` bytes after a group of three
/// begins: the characters that it alone decides.
fn inside_base64(bytes: &[u8], before: usize, encoding: &data_encoding::Encoding) -> Form {
    let padded: Vec<u8> = [0].repeat(before).into_iter().chain(bytes.iter().copied()).collect();
    let text = encoding.encode(&padded);
    let (first, end) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    let bytes = text.get(first..end).unwrap_or(&text).as_bytes().to_vec();
    Form { bytes, head: before > 0, tail: !padded.len().is_multiple_of(3) }
}
