//! The hosts of a connection: what was derived, what the operator granted, and who logs in there.

use serde_json::Value;

use super::{
    ConnectorInfo, CredentialsError, GrantError, Grants, HostGrant, TlsGrant, TlsStart,
    network::{host_logs_in, limits::HOSTS_MAX, means_tls_at},
};
use crate::model::{HostPattern, TlsMode};

/// Puts the hosts that the operator granted beside those that were derived.
///
/// A place that is in both is one grant: TLS as strict as both say, and private where the operator
/// says so.
pub fn merge_hosts(
    derived: Vec<HostGrant>,
    granted: Vec<HostGrant>,
) -> Result<Vec<HostGrant>, GrantError> {
    let mut hosts = derived;
    for grant in granted {
        let same = |host: &&mut HostGrant| host.host == grant.host && host.port == grant.port;
        match hosts.iter_mut().find(same) {
            Some(known) => {
                known.private |= grant.private;
                known.tls = match (known.tls.take(), grant.tls) {
                    (Some(ours), Some(theirs)) => {
                        let (has, wanted) = (ours.mode.word(), theirs.mode.word());
                        let (host, key) = (known.to_string(), known.key.clone());
                        let tightened = ours.tightened(&theirs);
                        Some(tightened.ok_or(GrantError::TlsLooser { host, key, has, wanted })?)
                    }
                    (ours, theirs) => ours.or(theirs),
                };
            }
            None => hosts.push(grant),
        }
    }
    if hosts.len() > HOSTS_MAX {
        return Err(GrantError::TooManyHosts { count: hosts.len() });
    }
    Ok(hosts)
}

/// Protects what the operator granted by hand where the configuration names the same place in a URL
/// that means TLS: whoever writes such a URL never has plain bytes sent.
pub fn secure_hosts(
    hosts: &mut [HostGrant],
    connection_string: &str,
    options: &Value,
) -> Result<(), GrantError> {
    let mut urls = vec![("connection_string".to_owned(), connection_string)];
    texts_within("options", options, &mut urls);
    for (key, url) in urls {
        for host in hosts.iter_mut().filter(|host| means_tls_at(url, host)) {
            match &mut host.tls {
                None => host.tls = Some(TlsGrant::new(TlsStart::Direct, TlsMode::VerifyFull)),
                Some(tls) if tls.mode >= TlsMode::Require => {}
                Some(tls) if tls.is_default => tls.mode = TlsMode::VerifyFull,
                Some(tls) => {
                    let mode = tls.mode.word();
                    return Err(GrantError::Plain { host: host.to_string(), key, mode });
                }
            }
        }
    }
    Ok(())
}

/// All texts of the options, by their keys.
fn texts_within<'a>(key: &str, value: &'a Value, found: &mut Vec<(String, &'a str)>) {
    match value {
        Value::String(text) => found.push((key.to_owned(), text)),
        Value::Array(items) => items.iter().for_each(|item| texts_within(key, item, found)),
        Value::Object(fields) => {
            for (name, field) in fields {
                texts_within(&format!("{key}.{name}"), field, found);
            }
        }
        _ => {}
    }
}

/// Has the host log in at these places of the connection string, which is returned as the connector
/// gets it.
pub fn keep_credentials(
    info: &ConnectorInfo,
    connection_string: &str,
    places: &[(HostPattern, u16)],
    grants: &mut Grants,
) -> Result<String, GrantError> {
    if places.is_empty() {
        return Ok(connection_string.to_owned());
    }
    if grants.paths.iter().any(|path| path.key == "connection_string") {
        return Err(CredentialsError::Path.into());
    }
    Ok(host_logs_in(info, connection_string, places, &mut grants.hosts)?)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use serde_json::json;

    use super::*;
    use crate::plugin::{GrantKind, PathGrant, PathKind, Role, WantedGrant, derive_grants};

    fn info(value: &str) -> ConnectorInfo {
        ConnectorInfo {
            name: "net".to_owned(),
            role: Role::Source,
            version: "1.0.0".to_owned(),
            description: String::new(),
            capabilities: Vec::new(),
            options_schema: json!({}),
            wanted_grants: vec![WantedGrant {
                kind: GrantKind::Host,
                value: value.to_owned(),
                reason: "the server".to_owned(),
            }],
        }
    }

    fn grant(text: &str, tls: bool, private: bool) -> HostGrant {
        let (host, port) = HostPattern::with_port(text).unwrap();
        let tls = tls.then_some(TlsGrant::new(TlsStart::Direct, TlsMode::Require));
        HostGrant { key: "k".to_owned(), host, port, tls, private, login: None }
    }

    #[test]
    fn the_operators_hosts_stand_beside_those_of_the_connection() {
        let derived = vec![grant("a:1", true, false), grant("b:1", false, false)];
        let granted =
            vec![grant("a:1", false, true), grant("b:1", true, false), grant("a:2", false, false)];
        let merged = merge_hosts(derived.clone(), granted).unwrap();
        let expected =
            [grant("a:1", true, true), grant("b:1", true, false), grant("a:2", false, false)];
        assert_eq!(merged, expected);
        let many = (0..=HOSTS_MAX).map(|n| grant(&format!("h{n}:1"), false, false)).collect();
        assert!(matches!(merge_hosts(Vec::new(), many), Err(GrantError::TooManyHosts { .. })));
    }

    fn with_tls(start: TlsStart, mode: TlsMode, ca: Option<&str>) -> HostGrant {
        let tls = TlsGrant { ca: ca.map(PathBuf::from), ..TlsGrant::new(start, mode) };
        HostGrant { tls: Some(tls), ..grant("a:1", false, false) }
    }

    #[test]
    fn the_operator_may_tighten_tls_and_never_loosen_it() {
        use TlsMode::{Disable, Prefer, Require, VerifyCa, VerifyFull};
        use TlsStart::{Direct, SslRequest};
        // The connection string's, the grant's, and what comes of both.
        let cases = [
            (with_tls(Direct, Disable, None), with_tls(Direct, VerifyFull, None), Some(VerifyFull)),
            (with_tls(SslRequest, Prefer, None), with_tls(Direct, Require, None), Some(Require)),
            (
                with_tls(Direct, VerifyFull, None),
                with_tls(Direct, VerifyFull, Some("x")),
                Some(VerifyFull),
            ),
            (
                with_tls(Direct, Require, Some("x")),
                with_tls(Direct, VerifyCa, Some("x")),
                Some(VerifyCa),
            ),
            (with_tls(Direct, Require, Some("x")), with_tls(Direct, VerifyCa, Some("y")), None),
            (with_tls(Direct, Require, Some("x")), with_tls(Direct, Require, None), None),
            (with_tls(Direct, VerifyFull, None), with_tls(Direct, Disable, None), None),
            (with_tls(SslRequest, Require, None), with_tls(Direct, Disable, None), None),
        ];
        for (derived, granted, expected) in cases {
            let before = derived.tls.clone().unwrap();
            let ca = granted.tls.as_ref().and_then(|tls| tls.ca.clone());
            match (merge_hosts(vec![derived], vec![granted]), expected) {
                (Ok(merged), Some(mode)) => {
                    let tls = merged[0].tls.as_ref().unwrap();
                    assert_eq!((tls.start, tls.mode), (before.start, mode), "{before:?}");
                    assert_eq!(tls.ca, ca.or(before.ca));
                }
                (Err(GrantError::TlsLooser { host, .. }), None) => assert_eq!(host, "a:1"),
                (merged, _) => panic!("{before:?}: {merged:?}"),
            }
        }
    }

    #[test]
    fn a_place_granted_by_hand_is_protected_where_a_url_means_tls() {
        let by_hand = || vec![grant("a:443", false, false), grant("b:1", false, false)];
        let modes = |connection: &str, options: &Value| {
            let mut hosts = by_hand();
            secure_hosts(&mut hosts, connection, options).unwrap();
            hosts.iter().map(|host| host.tls.as_ref().map(|tls| tls.mode)).collect::<Vec<_>>()
        };
        let full = Some(TlsMode::VerifyFull);
        assert_eq!(modes("https://t:x@a/y", &json!({})), [full, None]);
        assert_eq!(modes("", &json!({"u": [{"v": "wss://b:1"}]})), [None, full]);
        assert_eq!(modes("https://a:8443", &json!({"u": "http://b:1"})), [None, None]);
        assert_eq!(modes("x+tls://b", &json!({"u": "https://b"})), [None, full]);
        let mut off = vec![with_tls(TlsStart::Direct, TlsMode::Disable, None)];
        let refused = secure_hosts(&mut off, "https://a:1", &json!({})).unwrap_err();
        assert!(matches!(refused, GrantError::Plain { .. }), "{refused}");
    }

    #[test]
    fn a_password_stays_with_the_host_or_the_reason_is_named() {
        const DECLARED: &str = "${connection_string}?port=5&tls=ssl-request&login=startup-3";
        let place = |text: &str| HostPattern::with_port(text).unwrap();
        let kept = |declared: &str, url: &str, places: &[&str]| {
            let info = info(declared);
            let derived = derive_grants(&info, url, &json!({}), Path::new("/")).unwrap();
            let mut grants = Grants { hosts: derived.hosts, ..Grants::default() };
            let places: Vec<_> = places.iter().map(|text| place(text)).collect();
            let text = keep_credentials(&info, url, &places, &mut grants)?;
            let login = |host: &HostGrant| host.login.as_ref().map(|login| login.user.clone());
            Ok::<_, GrantError>((text, grants.hosts.iter().map(login).collect::<Vec<_>>()))
        };
        let me = || Some("me".to_owned());
        let (text, logins) = kept(DECLARED, "pg://me:s%40ecret@a,b:6/x", &["a:5", "b:6"]).unwrap();
        assert_eq!(text, "pg://me:the-host-logs-in@a,b:6/x");
        assert_eq!(logins, [me(), me()]);
        let untouched = kept(DECLARED, "pg://me:secret@a", &[]).unwrap();
        assert_eq!(untouched, ("pg://me:secret@a".to_owned(), vec![None]));
        let refused = [
            ("${connection_string}?port=5", "pg://me:secret@a", "a:5", "declares no login"),
            (DECLARED, "pg://me:secret@a,b", "a:5", "b:5 is a host of `connection_string` too"),
            (DECLARED, "pg://me:secret@a", "c:5", "c:5 is no host of `connection_string`"),
            (DECLARED, "pg://me@a", "a:5", "names no user and password"),
            (DECLARED, "pg://me:secret@a?password=secret", "a:5", "has a parameter `password`"),
            (DECLARED, "pg://me:secret@a?user=root", "a:5", "has a parameter `user`"),
        ];
        for (declared, url, place, expected) in refused {
            let error = kept(declared, url, &[place]).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{url}: {error}");
        }
        let info = info(DECLARED);
        let mut grants = Grants {
            paths: vec![PathGrant {
                key: "connection_string".to_owned(),
                configured: String::new(),
                host_path: PathBuf::new(),
                kind: PathKind::Directory,
                writable: false,
            }],
            ..Grants::default()
        };
        let refused = keep_credentials(&info, "pg://me:secret@a", &[place("a:5")], &mut grants);
        assert!(refused.unwrap_err().to_string().contains("takes a path out of"));
    }
}
