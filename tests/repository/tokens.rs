//! A source file as tokens: no comments, no documentation, no unit tests.

use std::str::FromStr;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The tokens of a file, groups kept whole, what is `#[cfg(test)]` or documentation left out.
pub fn of(path: &str, text: &str) -> Vec<TokenTree> {
    let stream = TokenStream::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    without_tests(stream)
}

/// What is in a group, under the same rules.
pub fn within(group: &Group) -> Vec<TokenTree> {
    without_tests(group.stream())
}

/// Every identifier and literal with its line, through all groups.
pub fn words(tokens: &[TokenTree]) -> Vec<(String, usize)> {
    let words = tokens.iter().flat_map(|token| match token {
        TokenTree::Group(group) => words(&within(group)),
        TokenTree::Punct(_) => Vec::new(),
        word => vec![(word.to_string(), word.span().start().line)],
    });
    words.collect()
}

pub fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

pub fn is_punct(token: Option<&TokenTree>, punct: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == punct)
}

fn without_tests(stream: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<_> = stream.into_iter().collect();
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let attribute = is_punct(tokens.get(at), '#').then(|| attribute(&tokens[at + 1..]));
        match attribute.flatten() {
            Some((length, text)) if text.starts_with("doc") => at += 1 + length,
            Some((length, text)) if text == "cfg (test)" || text == "cfg(test)" => {
                at = end_of_item(&tokens, at + 1 + length);
            }
            _ => {
                kept.push(tokens[at].clone());
                at += 1;
            }
        }
    }
    kept
}

/// The attribute after a `#`: how many tokens it has, and its text without brackets.
fn attribute(tokens: &[TokenTree]) -> Option<(usize, String)> {
    let inner = usize::from(is_punct(tokens.first(), '!'));
    match tokens.get(inner)? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
            Some((inner + 1, group.stream().to_string()))
        }
        _ => None,
    }
}

/// Behind the next `;` or `{…}`.
fn end_of_item(tokens: &[TokenTree], from: usize) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is_punct(Some(token), ';'),
    };
    let length = tokens[from..].iter().position(ends).map_or(tokens.len() - from, |end| end + 1);
    from + length
}

#[test]
fn comments_documentation_and_tests_are_no_code() {
    let cases: [(&str, &str, &[&str]); 6] = [
        ("code is", "use a::b;", &["use", "a", "b"]),
        ("a comment is not", "// a\n/* b */ c", &["c"]),
        ("documentation is not", "//! a\n/// b\nstruct C;", &["struct", "C"]),
        ("a test module is not", "#[cfg(test)] mod tests { use a; } fn b() {}", &["fn", "b"]),
        ("a test module's declaration is not", "#[cfg(test)] mod tests; use a;", &["use", "a"]),
        ("other attributes are", "#[derive(A)] struct B;", &["derive", "A", "struct", "B"]),
    ];
    for (name, text, expected) in cases {
        let words: Vec<_> = words(&of("x.rs", text)).into_iter().map(|(word, _)| word).collect();
        assert_eq!(words, expected, "{name}");
    }
}
