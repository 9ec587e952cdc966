//! From a connector's wish for a path, and what the operator configured, to a path.
//!
//! A wish is `${KEY}?scheme=…&suffixes=…`: the value of KEY is the path if it has the form of one,
//! and the parameters say how the connector writes URLs of files and which siblings a file has.

use super::{PathKind, Siblings};
use crate::{
    model::{NoPath, path_of},
    plugin::{GrantKind, url::parameters},
};

/// How a configuration value is to be read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::plugin) struct PathWish {
    /// `connection_string` or `options.KEY`.
    pub key: String,
    pub kind: PathKind,
    pub writable: bool,
    scheme: Option<String>,
}

impl PathWish {
    /// Reads a connector's declaration. None where it is a literal, which is for people, or no wish
    /// for a path; an error where it has words that this host does not know.
    pub fn parse(kind: GrantKind, declared: &str) -> Result<Option<Self>, ()> {
        let (is_file, writable) = match kind {
            GrantKind::ReadDirectory => (false, false),
            GrantKind::WriteDirectory => (false, true),
            GrantKind::WriteFile => (true, true),
            GrantKind::Host => return Ok(None),
            // Only by name: what an option says is no secret.
            GrantKind::Secret | GrantKind::Environment if declared.starts_with("${") => {
                return Err(());
            }
            GrantKind::Secret | GrantKind::Environment => return Ok(None),
        };
        let Some((key, rest)) = declared.strip_prefix("${").and_then(|d| d.split_once('}')) else {
            return Ok(None);
        };
        if key != "connection_string" && !key.starts_with("options.") {
            return Ok(None);
        }
        let query = match rest.strip_prefix('?') {
            Some(query) => query,
            None if rest.is_empty() => "",
            None => return Err(()),
        };
        let (mut scheme, mut siblings) = (None, None);
        for (name, value) in parameters(query).map_err(drop)? {
            match name.as_str() {
                "scheme" if scheme.is_none() && is_scheme(&value) => scheme = Some(value),
                "suffixes" if is_file && siblings.is_none() => {
                    siblings = Some(Siblings::parse(&value).ok_or(())?);
                }
                _ => return Err(()),
            }
        }
        let kind = match is_file {
            true => PathKind::File(siblings.unwrap_or_default()),
            false => PathKind::Directory,
        };
        Ok(Some(Self { key: key.to_owned(), kind, writable, scheme }))
    }

    /// The path that a configured text is.
    pub fn path<'a>(&self, text: &'a str) -> Result<&'a str, NoPath> {
        path_of(text, self.scheme.as_deref())
    }
}

/// One letter is a drive to many readers.
fn is_scheme(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    word.len() >= 2
        && word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.bytes().all(|byte| plain(byte) || matches!(byte, b'+' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_not_known_are_refused() {
        let cases = [
            ("${connection_string}", Ok(true)),
            ("${options.dir}", Ok(true)),
            ("${connection_string}?scheme=sqlite", Ok(true)),
            ("${connection_string}?scheme=sqlite&suffixes=-journal,.lock", Ok(true)),
            ("/etc", Ok(false)),
            ("${env}", Ok(false)),
            ("${connection_string}/..", Err(())),
            ("${connection_string}x?scheme=sqlite", Err(())),
            ("${connection_string}?schema=sqlite", Err(())),
            ("${connection_string}?scheme=", Err(())),
            ("${connection_string}?scheme=C", Err(())),
            ("${connection_string}?scheme=a%3A//b", Err(())),
            ("${connection_string}?scheme=ab&scheme=cd", Err(())),
            ("${connection_string}?suffixes=*", Err(())),
            ("${connection_string}?port=1", Err(())),
        ];
        for (declared, expected) in cases {
            let parsed = PathWish::parse(GrantKind::WriteFile, declared);
            assert_eq!(parsed.map(|wish| wish.is_some()), expected, "{declared}");
        }
        let suffixes = "${connection_string}?suffixes=-journal";
        assert!(
            PathWish::parse(GrantKind::WriteDirectory, suffixes).is_err(),
            "no file, no sibling"
        );
        for kind in [GrantKind::Secret, GrantKind::Environment] {
            assert_eq!(PathWish::parse(kind, "token"), Ok(None), "a name is for the operator");
            assert_eq!(PathWish::parse(kind, "${options.token}"), Err(()), "nothing is derived");
        }
        assert_eq!(PathWish::parse(GrantKind::Host, "${connection_string}?port=1"), Ok(None));
    }
}
