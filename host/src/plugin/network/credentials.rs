//! From `credentials: host` to logins: the guest's connection string loses its password, the host
//! keeps it.

use super::{account::Login, grant::HostGrant, wanted::Reading};
use crate::{
    model::HostPattern,
    plugin::{
        ConnectorInfo, GrantKind,
        url::{self, Url, UrlError},
    },
};

const KEY: &str = "connection_string";
/// What a guest gets in place of a password.
const PLACEHOLDER: &str = "the-host-logs-in";
/// Parameters that drivers read beside what stands before the host.
const ELSEWHERE: [&str; 2] = ["user", "pass"];

/// Why the host can't log in for a connector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    #[error(
        "{0} declares no login that the host knows, so it needs the password itself; remove \
         `credentials: host`"
    )]
    Protocol(String),
    #[error("{0} is no host of `connection_string`, so there is no user to log in as")]
    Foreign(String),
    #[error(
        "{0} is a host of `connection_string` too, which the connector gets without its password; \
         grant it with `credentials: host` as well"
    )]
    Other(String),
    #[error("`connection_string` names no user and password before its host")]
    Missing,
    #[error("`connection_string` has a parameter `{0}`; write user and password before the host")]
    Parameter(String),
    #[error("the connector takes a path out of `connection_string` too, with all that is in it")]
    Path,
    #[error(transparent)]
    Url(#[from] UrlError),
}

/// Sets the login at each of `places`, and gives the connection string for the guest.
pub(in crate::plugin) fn host_logs_in(
    info: &ConnectorInfo,
    connection_string: &str,
    places: &[(HostPattern, u16)],
    hosts: &mut [HostGrant],
) -> Result<String, CredentialsError> {
    let wishes = info.wanted_grants.iter().filter(|wanted| wanted.kind == GrantKind::Host);
    let readings = wishes.filter_map(|wanted| Reading::parse(&wanted.value).ok().flatten());
    let protocol = readings.filter(|reading| reading.key == KEY).find_map(|reading| reading.login);
    let protocol = protocol.ok_or_else(|| CredentialsError::Protocol(info.name.clone()))?;
    let url = Url::parse(connection_string)?;
    let is_elsewhere = |name: &str| {
        let name = name.to_ascii_lowercase();
        ELSEWHERE.iter().any(|word| name.starts_with(word))
    };
    if let Some((name, _)) = url.parameters.iter().find(|(name, _)| is_elsewhere(name)) {
        return Err(CredentialsError::Parameter(name.clone()));
    }
    let Some(url::UserInfo { user, password, replaced }) =
        url::user_info(connection_string, PLACEHOLDER)?
    else {
        return Err(CredentialsError::Missing);
    };
    let is_place = |host: &HostGrant| {
        places.iter().any(|(name, port)| *name == host.host && *port == host.port)
    };
    let of_string = || hosts.iter().filter(|host| host.key == KEY);
    for (name, port) in places {
        if !of_string().any(|host| host.host == *name && host.port == *port) {
            return Err(CredentialsError::Foreign(format!("{name}:{port}")));
        }
    }
    if let Some(other) = of_string().find(|host| !is_place(host)) {
        return Err(CredentialsError::Other(other.to_string()));
    }
    for host in hosts.iter_mut().filter(|host| is_place(host)) {
        host.login = Some(Login::new(protocol, &user, &password));
    }
    Ok(replaced)
}
