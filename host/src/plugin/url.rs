//! Reads what all connection URLs have in common, whoever's they are.
//!
//! `scheme://[user[:password]@]host[:port][,host[:port]…][/…][?key=value&…]`. No error repeats the
//! text: it may hold a password.

use std::borrow::Cow;

use crate::model::{HostError, HostPattern, parse_port};

/// Hosts of one URL.
const HOSTS_MAX: usize = 64;

/// The parts of a connection URL that say where to connect, and its parameters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// In lower case; empty where the text is only hosts.
    pub scheme: String,
    pub hosts: Vec<(HostPattern, Option<u16>)>,
    pub parameters: Vec<(String, String)>,
}

/// Why a text is no connection URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("it is no URL such as scheme://user:password@host:port/name")]
    NoUrl,
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("it names ranges of addresses; a connection string names hosts")]
    Range,
    #[error("it names more than {HOSTS_MAX} hosts")]
    TooManyHosts,
    #[error("it has a `%` that is not followed by two hex digits of UTF-8")]
    Percent,
    #[error("its user or password holds a `/`, `?`, `#` or `@` that is not percent-encoded")]
    Unescaped,
    #[error("its parameters `{first}` and `{second}` say different things")]
    Twice { first: String, second: String },
    #[error("its parameter `{found}` is spelled `{name}`")]
    Spelling { found: String, name: String },
}

impl Url {
    /// Text without `://` is hosts alone.
    pub(super) fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        if text.contains("://") && !is_scheme(scheme) || text.contains(char::is_whitespace) {
            return Err(UrlError::NoUrl);
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let query = if path.contains('#') { "" } else { query };
        let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
        if scheme.is_empty() && (hosts.len() < rest.len() || hosts.contains('=')) {
            return Err(UrlError::NoUrl);
        }
        // What looks like a host may be the beginning of a password, which no error may show.
        let unsure = path.contains('@') || authority.len() == hosts.len() && tail.contains('@');
        let hosts = hosts.split(',').take(HOSTS_MAX + 1).map(host);
        let hosts = match hosts.collect::<Result<Vec<_>, _>>() {
            Ok(_) if path.contains('@') => return Err(UrlError::Unescaped),
            Err(_) if unsure => return Err(UrlError::Unescaped),
            hosts => hosts?,
        };
        if hosts.len() > HOSTS_MAX {
            return Err(UrlError::TooManyHosts);
        }
        let query = query.split('#').next().unwrap_or(query);
        let scheme = scheme.to_ascii_lowercase();
        Ok(Self { scheme, hosts, parameters: parameters(query)? })
    }

    /// A parameter of one of these names, `a|b`, and its value; none where it has none.
    ///
    /// What a driver might read otherwise is an error: two values, or another spelling of the name.
    pub(super) fn parameter(&self, names: &str) -> Result<Option<(&str, &str)>, UrlError> {
        let mut found: Option<(&str, &str)> = None;
        for (key, value) in &self.parameters {
            let Some(name) = names.split('|').find(|name| name.eq_ignore_ascii_case(key)) else {
                continue;
            };
            if name != key {
                return Err(UrlError::Spelling { found: key.clone(), name: name.to_owned() });
            }
            match found {
                Some((first, other)) if other != value => {
                    let first = first.to_owned();
                    return Err(UrlError::Twice { first, second: key.clone() });
                }
                Some(_) => {}
                None if value.is_empty() => {}
                None => found = Some((key, value)),
            }
        }
        Ok(found)
    }
}

/// Who a URL is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UserInfo {
    pub user: String,
    pub password: String,
    /// The URL with another password.
    pub replaced: String,
}

/// User and password, where a URL names both. All that stands between the first `:` and the last `@`
/// is the password, also where drivers would want some of it percent-encoded.
pub(super) fn user_info(text: &str, password: &str) -> Result<Option<UserInfo>, UrlError> {
    let text = text.trim();
    let Some((scheme, rest)) = text.split_once("://") else { return Ok(None) };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let Some((info, hosts)) = authority.rsplit_once('@') else { return Ok(None) };
    let Some((user, secret)) = info.split_once(':') else { return Ok(None) };
    let replaced = format!("{scheme}://{user}:{password}@{hosts}{tail}");
    let (user, secret) = (decoded(user)?.into_owned(), decoded(secret)?.into_owned());
    let complete = !user.is_empty() && !secret.is_empty();
    Ok(complete.then_some(UserInfo { user, password: secret, replaced }))
}

fn is_scheme(scheme: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(plain)
}

fn host(text: &str) -> Result<(HostPattern, Option<u16>), UrlError> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let host: HostPattern = decoded(host)?.parse()?;
    if matches!(host, HostPattern::Network(_)) && host.address().is_none() {
        return Err(UrlError::Range);
    }
    let port = port.filter(|port| !port.is_empty()).map(parse_port).transpose()?;
    Ok((host, port))
}

/// `key=value` between `&`.
pub(in crate::plugin) fn parameters(query: &str) -> Result<Vec<(String, String)>, UrlError> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(key)?.into_owned(), decoded(value)?.into_owned()))
    });
    pairs.collect()
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> Result<Cow<'_, str>, UrlError> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err(UrlError::Percent);
            };
            u8::try_from(high * 16 + low).map_err(|_| UrlError::Percent)?
        } else {
            byte
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| UrlError::Percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => return format!("! {error}"),
        };
        let host = |(host, port): &(HostPattern, Option<u16>)| {
            port.map_or(host.to_string(), |port| format!("{host}:{port}"))
        };
        let hosts: Vec<_> = url.hosts.iter().map(host).collect();
        let parameter = |(key, value): &(String, String)| format!(" {key}={value}");
        let parameters: String = url.parameters.iter().map(parameter).collect();
        format!("{} {}{parameters}", url.scheme, hosts.join(","))
    }

    #[test]
    fn urls_of_every_kind_are_read() {
        let cases = [
            ("pg://db", "pg db"),
            ("PG+x://DB.example:1/name", "pg+x db.example:1"),
            ("pg://u:p@db:5432/shop?a=1&b=2", "pg db:5432 a=1 b=2"),
            ("pg://u:p%40ss@db", "pg db"),
            ("pg://u:p@ss@db:1", "pg db:1"),
            ("pg://u@a:1,b,c:3/?x=", "pg a:1,b,c:3 x="),
            ("pg://[::1]:5432/", "pg [::1]:5432"),
            ("pg://u@[fd00::1]", "pg [fd00::1]"),
            ("pg://10.0.0.1", "pg 10.0.0.1"),
            ("pg://db:/x", "pg db"),
            ("pg://%64b:1", "pg db:1"),
            ("pg://db?ca=%2Fetc%2Fca%20x.pem&flag", "pg db ca=/etc/ca x.pem flag="),
            ("pg://db#x?y=z", "pg db"),
            ("db:5432", " db:5432"),
            ("a:1,b:2", " a:1,b:2"),
            ("", "! the host is empty"),
            ("pg://", "! the host is empty"),
            ("pg:///shop", "! the host is empty"),
            ("pg://a,,b", "! the host is empty"),
            ("host=db user=me", "! it is no URL"),
            ("host=db", "! it is no URL"),
            ("u:p@db", "! it is no URL"),
            ("db:1/x", "! it is no URL"),
            ("1x://db", "! it is no URL"),
            ("pg://d b", "! it is no URL"),
            ("pg://%2Ftmp", "! `/tmp` is neither"),
            ("pg://10.0.0.0%2F8", "! it names ranges"),
            ("pg://db:99999", "! `99999` is no port"),
            ("pg://%zz", "! it has a `%`"),
            ("pg://db?a=%ff", "! it has a `%`"),
        ];
        for (text, expected) in cases {
            let shown = shown(text);
            assert!(shown.starts_with(expected), "{text}: {shown}");
            assert!(shown.starts_with('!') || shown == expected, "{text}: {shown}");
        }
        let many = format!("pg://{}", vec!["a"; HOSTS_MAX + 1].join(","));
        assert_eq!(Url::parse(&many), Err(UrlError::TooManyHosts));
    }

    #[test]
    fn a_password_is_taken_out_whole() {
        let cases = [
            ("pg://me:pw@db/x?a=b", Some(("me", "pw", "pg://me:*@db/x?a=b"))),
            ("pg://m%40e:p%40%3A%2f%C3%A4@db", Some(("m@e", "p@:/ä", "pg://m%40e:*@db"))),
            ("pg://me:p:w@a@b:1,c/x", Some(("me", "p:w@a", "pg://me:*@b:1,c/x"))),
            ("pg://me@db", None),
            ("pg://me:@db", None),
            ("pg://:pw@db", None),
            ("pg://db:1/a:b@c", None),
            ("me:pw@db", None),
        ];
        for (text, expected) in cases {
            let found = user_info(text, "*").unwrap();
            let found = found.as_ref();
            let shown = found.map(|i| (i.user.as_str(), i.password.as_str(), i.replaced.as_str()));
            assert_eq!(shown, expected, "{text}");
        }
        assert_eq!(user_info("pg://me:%zz@db", "*"), Err(UrlError::Percent));
    }

    #[test]
    fn a_parameter_has_one_value() {
        let url = Url::parse("x://h?a=1&b=2&a=1&c=3&c=4&d=1&e=&F=1").unwrap();
        assert_eq!(url.parameter("a"), Ok(Some(("a", "1"))));
        assert_eq!(url.parameter("x|d"), Ok(Some(("d", "1"))));
        assert_eq!(url.parameter("a|d"), Ok(Some(("a", "1"))), "they say the same");
        assert_eq!(url.parameter("x"), Ok(None));
        assert_eq!(url.parameter("e"), Ok(None), "nothing is said");
        let twice = |first: &str, second: &str| {
            Err(UrlError::Twice { first: first.into(), second: second.into() })
        };
        assert_eq!(url.parameter("c"), twice("c", "c"));
        assert_eq!(url.parameter("a|b"), twice("a", "b"));
        let spelling = UrlError::Spelling { found: "F".into(), name: "f".into() };
        assert_eq!(url.parameter("f"), Err(spelling));
    }

    #[test]
    fn no_error_repeats_a_password() {
        let unescaped =
            ["x://u:secret/1@h", "x://u:secret?1@h", "x://u:secret@1/2@h", "x://u:secret#@h?a=b"];
        for text in unescaped {
            assert_eq!(Url::parse(text), Err(UrlError::Unescaped), "{text}");
        }
        for text in ["x://u:secret@", "x://u:secret@h:0", "x://u:secret@h i", "u:secret@h"] {
            let error = Url::parse(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{text}: {error}");
        }
    }
}
