//! Hosts that are found by SRV records.
//!
//! The operator names one host; DNS says which servers it stands for. Looked up before each
//! connection opens, so that a reconnect finds new servers. Whoever answers must not lead a connector
//! out of the operator's domain: one target elsewhere and none is granted (I10).

use tokio::time::timeout;

use super::{
    grant::{HostGrant, TlsGrant},
    limits::{SRV_TARGETS_MAX, SRV_TEXT_BYTES_MAX, SRV_TIMEOUT},
    resolve::{Resolver, Service},
};
use crate::{
    model::text::is_hidden,
    model::{Action, Failure, HostPattern},
};

/// Labels from which on a host's own domain is the one without its first label.
const LABELS_OF_A_HOST: usize = 3;

/// A host whose SRV records name the places that a connector may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrvGrant {
    /// The configuration key it came from.
    pub key: String,
    /// The service's word, as in `_service._tcp.host`.
    pub service: String,
    /// In lower case, without a dot at the end.
    pub host: String,
    pub tls: Option<TlsGrant>,
    /// Whether the targets may stand for private addresses.
    pub private: bool,
}

/// What DNS said about the hosts of a connection.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Discovered {
    pub hosts: Vec<HostGrant>,
    /// For `connect-config.settings`.
    pub settings: Vec<(String, String)>,
}

/// Why the servers are not known.
#[derive(Debug, thiserror::Error)]
enum SrvError {
    #[error("the SRV and TXT records of `{0}` can't be looked up: {1}")]
    Lookup(String, std::io::Error),
    #[error("no answer about the SRV and TXT records of `{0}` within {SRV_TIMEOUT:?}")]
    Timeout(String),
    #[error("`{0}` has no SRV records, so there is no server to connect to; check the host's name")]
    None(String),
    #[error("`{0}` names more than {SRV_TARGETS_MAX} servers by SRV records")]
    TooMany(String),
    #[error("an SRV record of `{name}` names {target:?}, which is no server's name")]
    NoName { name: String, target: String },
    #[error(
        "an SRV record of `{name}` names `{target}`, which does not lie in `{domain}`: none of its \
         servers is granted. If the answer is right, name the servers themselves"
    )]
    Foreign { name: String, target: String, domain: String },
    #[error(
        "the TXT records of `{0}` are longer than {SRV_TEXT_BYTES_MAX} bytes, or no plain text"
    )]
    Text(String),
}

impl SrvError {
    fn code(&self) -> &'static str {
        match self {
            Self::Lookup(..) | Self::Timeout(_) => "srv-lookup",
            Self::None(_) => "srv-none",
            Self::TooMany(_) | Self::NoName { .. } | Self::Text(_) => "srv-malformed",
            Self::Foreign { .. } => "srv-foreign",
        }
    }

    /// DNS may be out of order for a while; what it says of others is for a person to judge.
    fn action(&self) -> Action {
        match self {
            Self::Lookup(..) | Self::Timeout(_) | Self::None(_) => Action::Retry,
            _ => Action::Config,
        }
    }
}

/// Looks the servers up.
pub(in crate::plugin) async fn discover(
    resolver: &dyn Resolver,
    grants: &[SrvGrant],
) -> Result<Discovered, Failure> {
    let mut found = Discovered::default();
    let mut options = Vec::new();
    for grant in grants {
        let (targets, texts) = servers(resolver, grant).await.map_err(|error| Failure {
            action: error.action(),
            code: error.code().to_owned(),
            message: error.to_string(),
            detail: None,
            retry_after: None,
            tables: Vec::new(),
        })?;
        options.extend(texts);
        found.hosts.extend(targets.into_iter().map(|(host, port)| HostGrant {
            key: grant.key.clone(),
            host: HostPattern::Name(host),
            port,
            tls: grant.tls.clone(),
            private: grant.private,
            login: None,
        }));
    }
    if !found.hosts.is_empty() {
        let hosts: Vec<_> = found.hosts.iter().map(ToString::to_string).collect();
        found.settings.push(("srv_hosts".to_owned(), hosts.join(",")));
    }
    if !options.is_empty() {
        found.settings.push(("srv_options".to_owned(), options.join("\n")));
    }
    Ok(found)
}

type Targets = Vec<(String, u16)>;

async fn servers(
    resolver: &dyn Resolver,
    grant: &SrvGrant,
) -> Result<(Targets, Vec<String>), SrvError> {
    let (name, host) = (format!("_{}._tcp.{}", grant.service, grant.host), &grant.host);
    let failed = |cause| SrvError::Lookup(host.clone(), cause);
    let asked = async { tokio::join!(resolver.services(&name), resolver.texts(host)) };
    let Ok((services, texts)) = timeout(SRV_TIMEOUT, asked).await else {
        return Err(SrvError::Timeout(host.clone()));
    };
    let (services, texts) = (services.map_err(failed)?, texts.map_err(failed)?);
    let length: usize = texts.iter().map(String::len).sum();
    let plain = texts.iter().all(|text| !text.chars().any(is_hidden));
    if length > SRV_TEXT_BYTES_MAX || !plain {
        return Err(SrvError::Text(host.clone()));
    }
    Ok((targets(grant, services)?, texts))
}

/// The targets in a stable order: as the records prefer them, then by name.
fn targets(grant: &SrvGrant, mut services: Vec<Service>) -> Result<Targets, SrvError> {
    let name = || grant.host.clone();
    // A single dot says that there is no such service.
    services.retain(|service| service.host != ".");
    if services.len() > SRV_TARGETS_MAX {
        return Err(SrvError::TooMany(name()));
    }
    services.sort_by(|a, b| {
        let key = |s: &Service| (s.priority, u16::MAX - s.weight);
        key(a).cmp(&key(b)).then_with(|| (&a.host, a.port).cmp(&(&b.host, b.port)))
    });
    let domain = domain(&grant.host);
    let mut targets = Vec::with_capacity(services.len());
    for Service { host, port, .. } in services {
        let unnamed = || SrvError::NoName { name: name(), target: host.clone() };
        let Ok(HostPattern::Name(target)) = host.parse() else { return Err(unnamed()) };
        if port == 0 {
            return Err(unnamed());
        }
        if !lies_in(&target, domain) {
            return Err(SrvError::Foreign { name: name(), target, domain: domain.to_owned() });
        }
        if !targets.contains(&(target.clone(), port)) {
            targets.push((target, port));
        }
    }
    if targets.is_empty() { Err(SrvError::None(name())) } else { Ok(targets) }
}

/// The domain that targets have to lie in. Of a short name it is the name itself, since the one
/// above could be everybody's, like `com`.
fn domain(host: &str) -> &str {
    match host.split_once('.') {
        Some((_, parent)) if host.split('.').count() >= LABELS_OF_A_HOST => parent,
        _ => host,
    }
}

fn lies_in(target: &str, domain: &str) -> bool {
    target.strip_suffix(domain).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(host: &str) -> SrvGrant {
        SrvGrant {
            key: "connection_string".into(),
            service: "db".into(),
            host: host.into(),
            tls: None,
            private: false,
        }
    }

    fn found(host: &str, records: &[(u16, u16, &str)]) -> String {
        let service = |(priority, weight, at): &(u16, u16, &str)| {
            let (host, port) = at.rsplit_once(':').unwrap();
            let (host, port) = (host.to_owned(), port.parse().unwrap());
            Service { priority: *priority, weight: *weight, host, port }
        };
        match targets(&grant(host), records.iter().map(service).collect()) {
            Err(error) => format!("! {error}"),
            Ok(targets) => {
                let shown = targets.iter().map(|(host, port)| format!("{host}:{port}"));
                shown.collect::<Vec<_>>().join(" ")
            }
        }
    }

    /// A sentence, the host, its records, and what is found or said.
    type Case<'a> = (&'a str, &'a str, &'a [(u16, u16, &'a str)], &'a str);

    #[test]
    fn targets_of_the_hosts_domain_are_granted_in_a_stable_order() {
        const HOST: &str = "cluster.example.com";
        let cases: [Case<'_>; 13] = [
            ("one", HOST, &[(0, 0, "a.example.com.:1")], "a.example.com:1"),
            (
                "in order",
                HOST,
                &[
                    (1, 9, "d.example.com:1"),
                    (0, 1, "c.example.com:2"),
                    (0, 1, "c.example.com:1"),
                    (0, 5, "B.Example.com:1"),
                    (0, 1, "c.example.com.:1"),
                ],
                "b.example.com:1 c.example.com:1 c.example.com:2 d.example.com:1",
            ),
            ("deeper", HOST, &[(0, 0, "x.y.example.com:1")], "x.y.example.com:1"),
            ("the host itself", HOST, &[(0, 0, "cluster.example.com:1")], "cluster.example.com:1"),
            ("elsewhere", HOST, &[(0, 0, "a.evil.com:1")], "! an SRV record of `cluster"),
            (
                "one of them elsewhere",
                HOST,
                &[(0, 0, "a.example.com:1"), (1, 0, "a.example.com.evil.com:1")],
                "! an SRV record of `cluster.example.com` names `a.example.com.evil.com`, which \
                 does not lie in `example.com`",
            ),
            ("a name that ends alike", HOST, &[(0, 0, "badexample.com:1")], "! an SRV record"),
            ("the domain itself", HOST, &[(0, 0, "example.com:1")], "! an SRV record"),
            ("a short name", "example.com", &[(0, 0, "a.example.com:1")], "a.example.com:1"),
            ("its sister", "example.com", &[(0, 0, "other.com:1")], "! an SRV record"),
            ("itself", "example.com", &[(0, 0, "example.com:1")], "! an SRV record"),
            ("an address", HOST, &[(0, 0, "10.0.0.1:1")], "! an SRV record of `cluster"),
            ("no service", HOST, &[(0, 0, ".:0")], "! `cluster.example.com` has no SRV records"),
        ];
        for (name, host, records, expected) in cases {
            let found = found(host, records);
            assert!(found.starts_with(expected), "{name}: {found}");
            assert!(found.starts_with('!') || found == expected, "{name}: {found}");
        }
        let many: Vec<_> = (0..=SRV_TARGETS_MAX).map(|n| format!("h{n}.example.com:1")).collect();
        let many: Vec<_> = many.iter().map(|at| (0, 0, at.as_str())).collect();
        assert!(found(HOST, &many).starts_with("! `cluster.example.com` names more than"));
    }
}
