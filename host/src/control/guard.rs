//! Who may ask, over TCP and through a browser.
//!
//! Anybody who reaches the port can speak to it, a page in an operator's browser too. So each request shows the token,
//! none comes from a page but our own (`Sec-Fetch-Site`, else `Origin`, which no page can choose), and on a loopback
//! address none was sent to another name (`Host`), as of a page whose name leads here. The files of our page hold
//! nothing, so only the name counts for them.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::Response,
};
use miette::Diagnostic;
use tokio::time::sleep;

use super::{
    answers::{Told, json},
    page,
    token::Token,
};

/// Whoever tries tokens out waits for each.
const REFUSED_PAUSE: Duration = Duration::from_millis(300);

/// Where the page that asks comes from, as browsers say it of addresses that they trust.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

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

    #[error("the request comes from another web page, or was sent to another name")]
    #[diagnostic(
        code("control-origin"),
        help(
            "ask by the address that the run listens on, or by the name localhost; of pages, only the one that is \
             served there may ask"
        )
    )]
    Origin,
}

pub async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.judge(request.uri(), request.headers()) {
        Ok(()) => private(next.run(request).await),
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

/// On the socket, where the system says who asks and nobody shows a token: no page does, also not through a port that
/// is forwarded to it.
pub async fn refuse_pages(request: Request, next: Next) -> Response {
    let headers = request.headers();
    if headers.contains_key(header::ORIGIN) || headers.contains_key(SITE) {
        return json(StatusCode::FORBIDDEN, &Told::of(&Refused::Origin));
    }
    next.run(request).await
}

impl Guard {
    fn judge(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        // A request line may name the host instead.
        let host = uri.authority().map(|authority| authority.as_str()).or(text(header::HOST));
        if self.is_loopback && !host.is_some_and(is_loopback_name) {
            return Err(Refused::Origin);
        }
        if page::is_file(uri.path()) {
            return Ok(());
        }
        if !is_own_page(host, text(SITE), headers.get(header::ORIGIN)) {
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

/// What answers say of the run stays in no cache, and is nothing but what it says it is.
fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Whether a request comes from no page, or from the one that is served here: by the word of a browser that says so,
/// else by the page's origin, which is the name that the request was sent to.
fn is_own_page(host: Option<&str>, site: Option<&str>, origin: Option<&HeaderValue>) -> bool {
    if let Some(site) = site {
        return ["same-origin", "none"].contains(&site);
    }
    let Some(origin) = origin else { return true };
    let (Ok(origin), Some(host)) = (origin.to_str(), host) else { return false };
    let name = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    name.is_some_and(|name| name.eq_ignore_ascii_case(host))
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
    fn only_the_own_page_asks() {
        let own = Some("localhost:8081");
        let cases = [
            ("no page", None, None, true),
            ("ours, of an old browser", None, Some("http://localhost:8081"), true),
            ("ours, behind TLS", None, Some("https://localhost:8081"), true),
            ("ours", Some("same-origin"), Some("http://localhost:8081"), true),
            ("ours by a proxy's name", Some("same-origin"), Some("https://ops.example"), true),
            ("typed by the operator", Some("none"), None, true),
            ("another port", None, Some("http://localhost:8082"), false),
            ("another name", None, Some("http://evil.example"), false),
            ("a name that begins so", None, Some("http://localhost:8081.evil.example"), false),
            ("nobody's", None, Some("null"), false),
            ("another site's", Some("cross-site"), None, false),
            ("a sibling's", Some("same-site"), Some("http://localhost:8081"), false),
        ];
        for (name, site, origin, is_own) in cases {
            let origin = origin.map(HeaderValue::from_static);
            assert_eq!(is_own_page(own, site, origin.as_ref()), is_own, "{name}");
        }
    }

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
