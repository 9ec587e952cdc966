//! TLS that the host ends: what it accepts and what it refuses, in the operator's words.

use std::path::{Path, PathBuf};

use cartridge_warp::{
    model::TlsMode,
    plugin::{Cause, HostGrant, TlsGrant, TlsStart},
};
use miette::Diagnostic;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::{
    Guest,
    authority::{Authority, Identity},
    grant, peers,
};

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Repeats what it hears, protected from the first byte.
pub async fn direct(acceptor: TlsAcceptor) -> u16 {
    peers::serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                peers::echo(stream).await;
            }
        }
    })
    .await
}

/// Repeats what it hears after it was asked for TLS and gave this answer.
pub async fn asked(answer: &'static [u8], acceptor: Option<TlsAcceptor>) -> u16 {
    peers::serve(move |mut stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut request = [0; 8];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(request, SSL_REQUEST);
            stream.write_all(answer).await.unwrap();
            match acceptor {
                None => peers::echo(stream).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        peers::echo(stream).await;
                    }
                }
            }
        }
    })
    .await
}

fn protected(address: &str, start: TlsStart, mode: TlsMode, ca: Option<&Path>) -> HostGrant {
    let tls = TlsGrant { ca: ca.map(PathBuf::from), ..TlsGrant::new(start, mode) };
    HostGrant { tls: Some(tls), private: true, ..grant(address) }
}

/// `ok …`, or the host's reason.
async fn outcome(guest: &Guest, address: &str, grant: HostGrant) -> String {
    let options = json!({"deed": "talk", "address": address, "bytes": 3});
    let answer = guest.tries(options, std::slice::from_ref(&grant)).await.unwrap();
    if answer.starts_with("ok") {
        return answer;
    }
    let options = json!({"deed": "talk", "address": address, "bytes": 3, "fail": true});
    let error = guest.tries(options, &[grant]).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Failure(_)), "{error}");
    Diagnostic::help(&error).map_or_else(String::new, |help| help.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_judged_by_the_mode() {
    use TlsMode::{Require, VerifyCa, VerifyFull};
    let guest = Guest::new().await;
    guest.names.set("db.example", &["127.0.0.1"]);
    let (ca, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let (ours, theirs) = (ca.file(), stranger.file());
    let right = direct(ca.issues("db.example").acceptor()).await;
    let wrong_name = direct(ca.issues("other.example").acceptor()).await;
    let expired = direct(ca.issues_expired("db.example").acceptor()).await;
    let ok = "ok 3 rounds";
    let cases = [
        ("right", right, VerifyFull, Some(&ours), ok),
        ("right", right, VerifyCa, Some(&ours), ok),
        ("right", right, Require, Some(&ours), ok),
        ("unknown CA", right, VerifyFull, Some(&theirs), "UnknownIssuer"),
        ("unknown CA", right, VerifyCa, Some(&theirs), "UnknownIssuer"),
        ("unknown CA", right, Require, Some(&theirs), "UnknownIssuer"),
        ("unknown to the system", right, VerifyFull, None, "no TLS with the server"),
        ("nobody's word is asked", right, Require, None, ok),
        ("wrong name", wrong_name, VerifyFull, Some(&ours), "not valid for name"),
        ("wrong name", wrong_name, VerifyCa, Some(&ours), ok),
        ("expired", expired, VerifyFull, Some(&ours), "expired"),
        ("expired", expired, VerifyCa, Some(&ours), "expired"),
        ("expired", expired, Require, Some(&ours), "expired"),
        ("expired", expired, Require, None, ok),
    ];
    for (name, port, mode, ca, expected) in cases {
        let address = format!("db.example:{port}");
        let ca = ca.map(PathBuf::as_path);
        let grant = protected(&address, TlsStart::Direct, mode, ca);
        let outcome = outcome(&guest, &address, grant).await;
        assert!(outcome.contains(expected), "{name}, {}: {outcome}", mode.word());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_and_a_self_signed_certificate_are_verified_too() {
    let guest = Guest::new().await;
    let ca = Authority::new("ours");
    let address = format!("127.0.0.1:{}", direct(ca.issues("127.0.0.1").acceptor()).await);
    let file = ca.file();
    let by_address = HostGrant {
        private: false,
        ..protected(&address, TlsStart::Direct, TlsMode::VerifyFull, Some(&file))
    };
    assert_eq!(outcome(&guest, &address, by_address).await, "ok 3 rounds");

    guest.names.set("db.example", &["127.0.0.1"]);
    let (itself, pem) = Identity::of_itself("db.example");
    let (_, another) = Identity::of_itself("db.example");
    let address = format!("db.example:{}", direct(itself.acceptor()).await);
    for (name, pem, expected) in [("own", pem, "ok 3 rounds"), ("another", another, "CaUsedAs")] {
        let file = ca.write("self.pem", &pem);
        let grant = protected(&address, TlsStart::Direct, TlsMode::VerifyFull, Some(&file));
        let outcome = outcome(&guest, &address, grant).await;
        assert!(outcome.contains(expected), "{name}: {outcome}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_asked_first_answers_in_one_byte() {
    use TlsMode::{Disable, Prefer, Require, VerifyFull};
    let guest = Guest::new().await;
    guest.names.set("db.example", &["127.0.0.1"]);
    let ca = Authority::new("ours");
    let file = ca.file();
    let acceptor = || Some(ca.issues("db.example").acceptor());
    let offered = asked(b"S", acceptor()).await;
    let refused = asked(b"N", None).await;
    let error = asked(b"E", None).await;
    let injected = asked(b"Splain bytes of somebody else", acceptor()).await;
    let unasked = peers::serve(peers::echo).await;
    let ok = "ok 3 rounds";
    let cases = [
        ("offered", offered, Prefer, ok),
        ("offered", offered, Require, ok),
        ("offered", offered, VerifyFull, ok),
        ("refused", refused, Prefer, ok),
        ("refused", refused, Require, "the server does not offer TLS, which `require` demands"),
        ("refused", refused, VerifyFull, "the server does not offer TLS"),
        ("an error", error, Prefer, "with byte 0x45"),
        ("an error", error, Require, "with byte 0x45"),
        ("bytes slipped in", injected, Prefer, "no TLS with the server"),
        ("another server", unasked, Prefer, "with byte 0x00"),
        ("not asked", unasked, Disable, ok),
    ];
    for (name, port, mode, expected) in cases {
        let address = format!("db.example:{port}");
        let ca = (mode == VerifyFull).then_some(file.as_path());
        let grant = protected(&address, TlsStart::SslRequest, mode, ca);
        let outcome = outcome(&guest, &address, grant).await;
        assert!(outcome.contains(expected), "{name}, {}: {outcome}", mode.word());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_shows_its_certificate() {
    let guest = Guest::new().await;
    guest.names.set("db.example", &["127.0.0.1"]);
    let ca = Authority::new("ours");
    let (file, client) = (ca.file(), ca.client_file());
    let port = direct(ca.acceptor_for_clients(ca.issues("db.example"))).await;
    let address = format!("db.example:{port}");
    let without = protected(&address, TlsStart::Direct, TlsMode::VerifyFull, Some(&file));
    let refused = outcome(&guest, &address, without.clone()).await;
    assert!(refused.contains("broke: received fatal alert"), "{refused}");
    assert!(refused.contains("name the file that has one"), "{refused}");
    let (others, mut unknown) = (Authority::new("others"), without.clone());
    unknown.tls.as_mut().unwrap().certificate = Some(others.client_file());
    let refused = outcome(&guest, &address, unknown).await;
    assert!(refused.contains("of a CA that the server trusts"), "{refused}");
    let mut with = without.clone();
    with.tls.as_mut().unwrap().certificate = Some(client.clone());
    assert_eq!(outcome(&guest, &address, with.clone()).await, "ok 3 rounds");
    with.tls.as_mut().unwrap().key = Some(client.clone());
    assert_eq!(outcome(&guest, &address, with).await, "ok 3 rounds", "one file named twice");
    for (name, pem, expected) in [
        ("no certificate", "nothing", "holds no certificate"),
        ("damaged", "-----BEGIN CERTIFICATE-----\n??\n-----END CERTIFICATE-----\n", "is damaged"),
    ] {
        let mut broken = without.clone();
        broken.tls.as_mut().unwrap().certificate = Some(ca.write("broken.pem", pem));
        let outcome = outcome(&guest, &address, broken).await;
        assert!(outcome.contains(expected), "{name}: {outcome}");
    }
    let client = std::fs::read_to_string(client).unwrap();
    // The number of version 3 at the beginning of every certificate becomes that of version 1.
    let old = client.replacen("AwIBAgI", "AwIBAAI", 1);
    assert_ne!(old, client);
    let mut with_old = without.clone();
    with_old.tls.as_mut().unwrap().certificate = Some(ca.write("old.pem", &old));
    let refused = outcome(&guest, &address, with_old).await;
    assert!(refused.contains("is of X.509 version 1; let its CA"), "{refused}");
    let (certificate, _) = client.split_once("-----BEGIN PRIVATE KEY").unwrap();
    let protected_keys = [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
         -----END RSA PRIVATE KEY-----\n",
    ];
    for (at, key) in protected_keys.iter().enumerate() {
        let mut with = without.clone();
        let pem = ca.write(&format!("protected-{at}.pem"), &format!("{certificate}{key}"));
        let tls = with.tls.as_mut().unwrap();
        (tls.certificate, tls.key) = (Some(pem.clone()), Some(pem));
        let outcome = outcome(&guest, &address, with).await;
        assert!(outcome.contains("is protected by a password"), "{outcome}");
    }
    let mut keyless = without;
    keyless.tls.as_mut().unwrap().certificate = Some(file);
    let outcome = outcome(&guest, &address, keyless).await;
    assert!(outcome.contains("holds no private key"), "{outcome}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_data_passes_through_tls_unchanged() {
    const BYTES: usize = 5_000_003;
    let guest = Guest::new().await;
    guest.names.set("db.example", &["127.0.0.1"]);
    let ca = Authority::new("ours");
    let file = ca.file();
    let acceptor = ca.issues("db.example").acceptor();
    let port = peers::serve(move |stream| {
        let acceptor = acceptor.clone();
        async move { peers::patient(acceptor.accept(stream).await.unwrap()).await }
    })
    .await;
    let address = format!("db.example:{port}");
    let grant = protected(&address, TlsStart::Direct, TlsMode::VerifyFull, Some(&file));
    let answer = guest.asks("transfer", &address, BYTES, std::slice::from_ref(&grant)).await;
    assert_eq!(answer, format!("ok {BYTES} bytes"));
    let counted = guest.seen.network.lock().unwrap()[&address];
    assert_eq!(counted, (BYTES as u64, BYTES as u64));
    // And the asynchronous way, whose halves are polled at once.
    let port = direct(ca.issues("db.example").acceptor()).await;
    let address = format!("db.example:{port}");
    let grant = protected(&address, TlsStart::Direct, TlsMode::VerifyFull, Some(&file));
    assert_eq!(guest.asks("tokio", &address, 0, &[grant]).await, "ok true true");
}

/// An address of this machine that others may have a cable to; some machines have none.
fn outer_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the system only says which address it would use.
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

/// Collects the lines of the log.
#[derive(Clone, Default)]
struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Lines {
    fn with(&self, text: &str) -> usize {
        String::from_utf8_lossy(&self.0.lock().unwrap()).matches(text).count()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_outside_that_offers_no_tls_is_refused_unless_the_url_says_otherwise() {
    let guest = Guest::new().await;
    guest.names.set("db.example", &["127.0.0.1"]);
    let port = asked(b"N", None).await;
    let derive = |url: String| {
        let info = &guest.plugin.info;
        let derived = cartridge_warp::plugin::derive_grants(info, &url, &json!({}), Path::new("/"));
        HostGrant { private: true, ..derived.unwrap().hosts.remove(0) }
    };
    let address = format!("db.example:{port}");
    let silent = derive(format!("x://me:pw@{address}"));
    let said = outcome(&guest, &address, silent).await;
    assert!(said.contains("does not offer TLS, which `require` demands, as for every"), "{said}");
    assert!(said.contains("write `tls=disable` if everything"), "{said}");
    let prefers = derive(format!("x://me:pw@{address}?tls=prefer"));
    assert_eq!(outcome(&guest, &address, prefers).await, "ok 3 rounds");
    let said = outcome(&guest, &address, derive(format!("https://me:pw@{address}"))).await;
    assert!(said.contains("does not offer TLS, which `verify-full` demands"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_goes_on_in_plain_is_told_once() {
    let Some(ip) = outer_address() else { return };
    let lines = Lines::default();
    let writer = lines.clone();
    // The only one of this binary.
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
    let guest = Guest::new().await;
    let listener = tokio::net::TcpListener::bind((ip, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                stream.read_exact(&mut [0; 8]).await.unwrap();
                stream.write_all(b"N").await.unwrap();
                peers::echo(stream).await;
            });
        }
    });
    let prefers = || protected(&address, TlsStart::SslRequest, TlsMode::Prefer, None);
    // Two connections of one instance.
    assert_eq!(guest.asks("tokio", &address, 0, &[prefers()]).await, "ok true true");
    let told = format!("{address} says that it has no TLS, and gets plain bytes");
    assert_eq!(lines.with(&told), 1);
    assert_eq!(
        lines.with("`tls: verify-full` of this host in `grants.hosts` never goes without"),
        1
    );
    let disabled = protected(&address, TlsStart::Direct, TlsMode::Disable, None);
    drop(guest.asks("connect", &address, 0, &[disabled]).await);
    assert_eq!(lines.with(&told), 1, "who says so is not told");
}
