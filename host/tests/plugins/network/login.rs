//! The host logs in for a guest: who is let in, what a hostile server gets, and what the guest hears.

use std::sync::{Arc, Mutex};

use cartridge_warp::{
    model::TlsMode,
    plugin::{Cause, HostGrant, Login, LoginProtocol, TlsGrant, TlsStart},
};
use miette::Diagnostic;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Guest, authority::Authority, grant, peers};

const PASSWORD: &str = "correct horse battery staple";
const LET_IN: &[u8] = b"R\0\0\0\x08\0\0\0\0";

fn at(address: &str) -> HostGrant {
    let login = Login::new(LoginProtocol::Startup3, "me", PASSWORD);
    HostGrant { login: Some(login), private: true, ..grant(address) }
}

/// A message of a server.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

fn asks(code: u32, rest: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes()[..], rest].concat())
}

/// All that servers heard.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn holds(&self, text: &[u8]) -> bool {
        self.0.lock().unwrap().windows(text.len()).any(|bytes| bytes == text)
    }
}

/// Hears the first message, says its lines, one for each message that it hears, and then repeats.
async fn speak(mut stream: impl AsyncRead + AsyncWrite + Unpin, lines: &[Vec<u8>], heard: &Heard) {
    let mut buffer = vec![0; 64 * 1024];
    for line in lines {
        let Ok(count @ 1..) = stream.read(&mut buffer).await else { return };
        heard.0.lock().unwrap().extend_from_slice(&buffer[..count]);
        if stream.write_all(line).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
    peers::echo(stream).await;
}

async fn server(lines: Vec<Vec<u8>>) -> (u16, Heard) {
    let heard = Heard::default();
    let listening = heard.clone();
    let port = peers::serve(move |stream| {
        let (lines, heard) = (lines.clone(), listening.clone());
        async move { speak(stream, &lines, &heard).await }
    })
    .await;
    (port, heard)
}

/// What the guest heard, and the host's reason where there is one.
async fn outcome(guest: &Guest, address: &str, grant: HostGrant, user: &str) -> String {
    let options = json!({"deed": "start", "address": address, "text": user, "fail": true});
    let error = guest.tries(options, &[grant]).await.unwrap_err();
    let Cause::Failure(failure) = &error.cause else { panic!("{error}") };
    let help = Diagnostic::help(&error).map_or_else(String::new, |help| help.to_string());
    format!("{} | {help}", failure.message)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_for_nothing_lets_the_guest_in_and_bytes_pass() {
    let guest = Guest::new().await;
    let notice = message(b'N', b"SNOTICE\0\0");
    let (port, heard) = server(vec![[&notice, LET_IN].concat()]).await;
    let address = format!("127.0.0.1:{port}");
    let said = outcome(&guest, &address, at(&address), "me").await;
    assert!(said.starts_with("ok NR hello"), "{said}");
    assert!(heard.holds(b"user\0me\0") && !heard.holds(PASSWORD.as_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_configured_user_is_logged_in() {
    let guest = Guest::new().await;
    let (port, heard) = server(vec![LET_IN.to_vec()]).await;
    let address = format!("127.0.0.1:{port}");
    for user in ["root", "me\0user\0root", ""] {
        let said = outcome(&guest, &address, at(&address), user).await;
        assert!(said.starts_with("ok E SFATAL VFATAL C28000 Mthe connector"), "{user:?}: {said}");
        assert!(!heard.holds(b"user"), "the server hears nothing of {user:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_own_words_reach_the_guest() {
    let guest = Guest::new().await;
    let words = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0";
    let (port, _) = server(vec![message(b'E', words)]).await;
    let address = format!("127.0.0.1:{port}");
    let said = outcome(&guest, &address, at(&address), "me").await;
    assert!(said.starts_with("ok E SFATAL VFATAL C28P01 Mpassword authentication"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_proves_nothing_does_not_get_the_password() {
    let guest = Guest::new().await;
    let offer = || asks(10, b"SCRAM-SHA-256\0\0");
    let flood: Vec<u8> = (0..1000).flat_map(|_| message(b'N', b"SNOTICE\0\0")).collect();
    let cases = [
        ("asks for it", vec![asks(3, b"")], "asks for the password itself, which the host gives"),
        ("asks for a hash of it", vec![asks(5, b"salt")], "asks for an MD5 hash of the password"),
        ("another login", vec![asks(7, b"")], "a login that the host can't do for a connector"),
        ("another mechanism", vec![asks(10, b"PLAIN\0\0")], "can't do for a connector (number 10)"),
        ("lets in half-way", vec![offer(), LET_IN.to_vec()], "with something else"),
        ("a foreign nonce", vec![offer(), asks(11, b"r=x,s=AAAA,i=4096")], "challenge is unfit"),
        ("garbage", vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()], "more than 8192 bytes"),
        ("another message", vec![message(b'Z', b"I")], "with something else"),
        ("a length of nothing", vec![b"R\0\0\0\0".to_vec()], "with something else"),
        ("a huge message", vec![b"R\x7f\xff\xff\xff".to_vec()], "more than 8192 bytes"),
        ("no end", vec![flood], "more than 16 messages"),
    ];
    for (name, lines, expected) in cases {
        let (port, heard) = server(lines).await;
        let address = format!("127.0.0.1:{port}");
        let said = outcome(&guest, &address, at(&address), "me").await;
        assert!(said.starts_with("ok") && said.contains("E SFATAL"), "{name}: {said}");
        assert!(said.contains(expected), "{name}: {said}");
        assert!(!said.contains(PASSWORD) && !heard.holds(PASSWORD.as_bytes()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_certificate_was_checked_gets_what_it_asks_for() {
    let guest = Guest::new().await;
    guest.names.set("db.example", &["127.0.0.1"]);
    let ca = Authority::new("ours");
    let acceptor = ca.issues("db.example").acceptor();
    let (heard, repeats) = (Heard::default(), Heard::default());
    let (listening, repeating) = (heard.clone(), repeats.clone());
    let served = move |lines: Vec<Vec<u8>>, heard: Heard| {
        let acceptor = acceptor.clone();
        peers::serve(move |stream| {
            let (acceptor, lines, heard) = (acceptor.clone(), lines.clone(), heard.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    speak(stream, &lines, &heard).await;
                }
            }
        })
    };
    let file = ca.file();
    let protected = |address: &str, mode| HostGrant {
        tls: Some(TlsGrant { ca: Some(file.clone()), ..TlsGrant::new(TlsStart::Direct, mode) }),
        ..at(address)
    };
    let port = served(vec![asks(3, b""), LET_IN.to_vec()], listening).await;
    let address = format!("db.example:{port}");
    let said = outcome(&guest, &address, protected(&address, TlsMode::VerifyFull), "me").await;
    assert!(said.starts_with("ok R hello"), "{said}");
    assert!(heard.holds(PASSWORD.as_bytes()));
    // It is nobody's secret to that server, but the guest does not learn it from its words.
    let words = format!("SFATAL\0C28P01\0Mno: {PASSWORD}\0\0");
    let port = served(vec![asks(3, b""), message(b'E', words.as_bytes())], repeating).await;
    let address = format!("db.example:{port}");
    let said = outcome(&guest, &address, protected(&address, TlsMode::VerifyFull), "me").await;
    assert!(said.contains("the server refused the login") && !said.contains(PASSWORD), "{said}");
    assert!(repeats.holds(PASSWORD.as_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_closes_or_never_answers_costs_one_login() {
    let mut guest = Guest::new().await;
    let port = peers::serve(|stream| async move { drop(stream) }).await;
    let address = format!("127.0.0.1:{port}");
    let said = outcome(&guest, &address, at(&address), "me").await;
    assert!(said.contains("broke during the login") || said.contains("Connection"), "{said}");
    guest.call_deadline = std::time::Duration::from_secs(1);
    let address = format!("127.0.0.1:{}", peers::serve(peers::silent).await);
    let options = json!({"deed": "start", "address": address, "text": "me"});
    let error = guest.tries(options, &[at(&address)]).await.unwrap_err();
    assert!(error.to_string().contains("no answer within 1s"), "{error}");
}
