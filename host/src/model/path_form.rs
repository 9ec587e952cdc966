//! Whether a configured text is a path, by its form alone.
//!
//! A connector may ask for the path that a configured text is, and the operator wrote the text for
//! some other purpose: so only what can be nothing but a path is one. A word may be a database, a
//! `host:port` a server, and what stands behind `//` of a URL is a host.

/// Why a text is no path. Says what form it has and repeats nothing of it: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPath {
    #[error("is empty")]
    Empty,
    #[error("is a word, which may be anything")]
    Word,
    #[error("starts with `~`, which is not expanded here")]
    Home,
    #[error("has the form of a URL that names a host")]
    Authority,
    #[error("has the form of `host:port`, or of another kind of URL")]
    Other,
    #[error("has the form of a URL with parameters")]
    Parameters,
}

/// Whether the text starts like a path: `/`, `./` or `../`, or is `.` or `..`. `//` starts no path:
/// a host may follow.
pub fn is_plain_path(text: &str) -> bool {
    let absolute = text.starts_with('/') && !text.starts_with("//");
    absolute || [".", ".."].contains(&text) || text.starts_with("./") || text.starts_with("../")
}

/// The path that the text is: a plain one, or a URL of the scheme `file` or of `scheme` that names
/// no host.
pub fn path_of<'a>(text: &'a str, scheme: Option<&str>) -> Result<&'a str, NoPath> {
    if is_plain_path(text) {
        return Ok(text);
    }
    match (text.chars().next(), text.split_once(':')) {
        (None, _) => Err(NoPath::Empty),
        (Some('~'), _) => Err(NoPath::Home),
        _ if text.starts_with("//") => Err(NoPath::Authority),
        (_, None) => Err(NoPath::Word),
        (_, Some((before, rest))) => {
            let known = |known: &str| before.eq_ignore_ascii_case(known);
            if known("file") || scheme.is_some_and(known) { path_of_url(rest) } else { other(rest) }
        }
    }
}

/// What follows `scheme:`.
fn path_of_url(rest: &str) -> Result<&str, NoPath> {
    let path = match rest.strip_prefix("//") {
        Some(path) if path.starts_with('/') => path,
        // Also `ours://shop.db`: what stands there is a host, whatever was meant.
        Some(_) => return Err(NoPath::Authority),
        None => rest,
    };
    if path.contains(['?', '#']) {
        return Err(NoPath::Parameters);
    }
    match path.chars().next() {
        None => Err(NoPath::Empty),
        Some('~') => Err(NoPath::Home),
        Some('/') => Ok(path),
        Some(_) if is_plain_path(path) || !path.contains([':', '@']) => Ok(path),
        Some(_) => Err(NoPath::Other),
    }
}

fn other<T>(rest: &str) -> Result<T, NoPath> {
    let names_host = rest.strip_prefix("//").is_some_and(|host| !host.starts_with('/'));
    Err(if names_host { NoPath::Authority } else { NoPath::Other })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_nothing_else_is_a_path() {
        let cases = [
            ("/", "/"),
            ("/data", "/data"),
            ("/data/a:b@c?d=e", "/data/a:b@c?d=e"),
            ("./data", "./data"),
            ("./a:5432", "./a:5432"),
            ("../data", "../data"),
            (".", "."),
            ("..", ".."),
            ("file:/data", "/data"),
            ("file:///data", "/data"),
            ("FILE:///data", "/data"),
            ("file:./data", "./data"),
            ("ours:x.db", "x.db"),
            ("ours:a/x.db", "a/x.db"),
            ("ours:./x.db", "./x.db"),
            ("ours:../x.db", "../x.db"),
            ("ours:/abs/x.db", "/abs/x.db"),
            ("ours:///abs/x.db", "/abs/x.db"),
            ("ours:////abs/x.db", "//abs/x.db"),
        ];
        for (text, expected) in cases {
            assert_eq!(path_of(text, Some("ours")), Ok(expected), "{text}");
        }
    }

    #[test]
    fn all_else_is_none() {
        let cases = [
            ("", NoPath::Empty),
            ("main", NoPath::Word),
            ("localhost", NoPath::Word),
            ("data", NoPath::Word),
            ("data/in", NoPath::Word),
            (".hidden", NoPath::Word),
            ("...", NoPath::Word),
            (" ./data", NoPath::Word),
            ("user@db", NoPath::Word),
            ("host=db password=pw", NoPath::Word),
            ("~", NoPath::Home),
            ("~/data", NoPath::Home),
            ("ours:~/x.db", NoPath::Home),
            ("//db.example/x", NoPath::Authority),
            ("//db.example:5432", NoPath::Authority),
            ("db.example:5432", NoPath::Other),
            ("[::1]:5432", NoPath::Other),
            (":memory:", NoPath::Other),
            ("x:y", NoPath::Other),
            ("c:\\data", NoPath::Other),
            ("x://db.example:5432", NoPath::Authority),
            ("postgresql://me:pw@db/shop", NoPath::Authority),
            ("postgresql:///shop", NoPath::Other),
            ("http:/x", NoPath::Other),
            ("file://localhost/data", NoPath::Authority),
            ("file://data", NoPath::Authority),
            ("file:", NoPath::Empty),
            ("ours:", NoPath::Empty),
            ("ours://", NoPath::Authority),
            ("ours://x.db", NoPath::Authority),
            ("ours://db.example:5432", NoPath::Authority),
            ("ours://me:pw@db/x.db", NoPath::Authority),
            ("ours:db.example:5432", NoPath::Other),
            ("ours:me@db", NoPath::Other),
            ("ours::memory:", NoPath::Other),
            ("ours:x.db?mode=ro", NoPath::Parameters),
            ("ours:///x.db?mode=ro", NoPath::Parameters),
            ("file:///data#x", NoPath::Parameters),
        ];
        for (text, expected) in cases {
            assert_eq!(path_of(text, Some("ours")), Err(expected), "{text}");
        }
        assert_eq!(path_of("ours:x.db", None), Err(NoPath::Other), "not a scheme of theirs");
    }
}
