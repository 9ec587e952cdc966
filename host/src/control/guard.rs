//! Who may ask over TCP.
//!
//! Anybody who reaches the port can speak to it, a page in an operator's browser too. So each request shows the token,
//! none comes from a page (`Origin`), and on a loopback address none was sent to another name (`Host`), as of a page
//! whose name leads here.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    middleware::Next,
    response::Response,
};
use miette::Diagnostic;
use tokio::time::sleep;

use super::{
    answers::{Told, json},
    token::Token,
};

/// Whoever tries tokens out waits for each.
const REFUSED_PAUSE: Duration = Duration::from_millis(300);

/// What requests are held against.
pub struct Guard {
    pub token: Token,
    /// The address that is listened on is of this machine alone.
    pub is_loopback: bool,
}

/// Why a request is not answered.
#[derive(Debug, thiserror::Error, Diagnostic)]
enum Refused {
    #[error("the request does not show the token")]
    #[diagnostic(
        code("control-token"),
        help("send `Authorization: Bearer TOKEN` with what the file `control.token_file` holds")
    )]
    Token,

    #[error("the request comes from a web page, or was sent to another name")]
    #[diagnostic(
        code("control-origin"),
        help(
            "ask without `Origin`, by the address that the run listens on, or by the name localhost"
        )
    )]
    Origin,
}

pub async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.judge(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused @ Refused::Origin) => json(StatusCode::FORBIDDEN, &Told::of(&refused)),
        Err(refused @ Refused::Token) => {
            sleep(REFUSED_PAUSE).await;
            let mut response = json(StatusCode::UNAUTHORIZED, &Told::of(&refused));
            let scheme = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            response
        }
    }
}

impl Guard {
    fn judge(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        // A request line may name the host instead.
        let host = uri.authority().map(|authority| authority.as_str()).or(text(header::HOST));
        if headers.contains_key(header::ORIGIN)
            || self.is_loopback && !host.is_some_and(is_loopback_name)
        {
            return Err(Refused::Origin);
        }
        let shown = text(header::AUTHORIZATION).and_then(|value| value.split_once(' '));
        match shown {
            Some((scheme, token))
                if scheme.eq_ignore_ascii_case("bearer") && self.token.is(token.trim()) =>
            {
                Ok(())
            }
            _ => Err(Refused::Token),
        }
    }
}

/// Of `HOST` or `HOST:PORT`.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_address = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_address || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_to_this_machine_whoever_answers_for_them() {
        let cases = [
            ("localhost", true),
            ("LocalHost:8081", true),
            ("127.0.0.1:8081", true),
            ("[::1]:8081", true),
            ("[::1]", true),
            ("evil.example:8081", false),
            ("localhost.evil.example", false),
            ("10.0.0.1", false),
            ("", false),
            ("[evil.example]", false),
        ];
        for (host, is_ours) in cases {
            assert_eq!(is_loopback_name(host), is_ours, "{host:?}");
        }
    }
}
