//! Hosts that are found by SRV records: what the guest is told, and what it reaches.

use cartridge_warp::{
    model::{Action, TlsMode},
    plugin::{Cause, PluginError, SrvGrant, TlsGrant, TlsStart},
};
use miette::Diagnostic;
use serde_json::json;

use super::{Guest, authority::Authority, grant, peers, tls::direct};

const HOST: &str = "cluster.example.com";
const SERVICE: &str = "_net._tcp.cluster.example.com";

fn srv(tls: Option<TlsGrant>) -> SrvGrant {
    SrvGrant {
        key: "connection_string".to_owned(),
        service: "net".to_owned(),
        host: HOST.to_owned(),
        tls,
        private: true,
    }
}

fn failure(error: &PluginError) -> (Action, String) {
    let Cause::Failure(failure) = &error.cause else { panic!("{error}") };
    (failure.action, format!("{}: {}", failure.code, failure.message))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guest_learns_the_servers_and_the_options_and_reaches_them_by_name() {
    let guest = Guest::new().await;
    let port = peers::serve(peers::echo).await;
    let (first, second) = (format!("b.example.com:{port}"), "a.example.com:1".to_owned());
    guest.names.set("b.example.com", &["127.0.0.1"]);
    guest.names.set_services(SERVICE, &[&first, &second]);
    guest.names.set_texts(HOST, &["authSource=admin&replicaSet=rs0"]);
    let told = guest.tries_srv(json!({"deed": "settings"}), &[], &[srv(None)]).await.unwrap();
    let expected = format!(
        r#"ok [("srv_hosts", "{first},{second}"), ("srv_options", "authSource=admin&replicaSet=rs0")]"#
    );
    assert_eq!(told, expected);
    let options = json!({"deed": "talk", "address": first, "bytes": 3});
    let answer = guest.tries_srv(options, &[], &[srv(None)]).await.unwrap();
    assert_eq!(answer, "ok 3 rounds");
    // Only what the records name: neither another port nor the host itself.
    for refused in ["b.example.com:2", "cluster.example.com:1", "c.example.com:1"] {
        let options = json!({"deed": "connect", "address": refused});
        let answer = guest.tries_srv(options, &[], &[srv(None)]).await.unwrap();
        assert!(!answer.starts_with("ok"), "{refused}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_connection_looks_again() {
    let guest = Guest::new().await;
    for place in ["a.example.com:1", "b.example.com:2"] {
        guest.names.set_services(SERVICE, &[place]);
        let told = guest.tries_srv(json!({"deed": "settings"}), &[], &[srv(None)]).await.unwrap();
        assert_eq!(told, format!(r#"ok [("srv_hosts", "{place}")]"#));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_held_against_the_targets_name() {
    let guest = Guest::new().await;
    guest.names.set("a.example.com", &["127.0.0.1"]);
    let ca = Authority::new("ours");
    let right = direct(ca.issues("a.example.com").acceptor()).await;
    let wrong = direct(ca.issues(HOST).acceptor()).await;
    let file = ca.file();
    for (port, expected) in [(right, "ok 3 rounds"), (wrong, "not valid for name")] {
        let place = format!("a.example.com:{port}");
        guest.names.set_services(SERVICE, &[&place]);
        let tls = TlsGrant::new(TlsStart::Direct, TlsMode::VerifyFull);
        let tls = TlsGrant { ca: Some(file.clone()), ..tls };
        let options = json!({"deed": "talk", "address": place, "bytes": 3, "fail": true});
        let error = guest.tries_srv(options, &[], &[srv(Some(tls))]).await.unwrap_err();
        let help = Diagnostic::help(&error).map_or_else(String::new, |help| help.to_string());
        let said = format!("{error} {help}");
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_dns_says_is_not_believed_blindly() {
    let guest = Guest::new().await;
    let settings = || json!({"deed": "settings"});
    let refused = guest.tries_srv(settings(), &[], &[srv(None)]).await.unwrap_err();
    let (action, said) = failure(&refused);
    assert_eq!(action, Action::Retry, "{said}");
    assert!(said.contains("srv-none: `cluster.example.com` has no SRV records"), "{said}");
    let too_long = "x".repeat(5000);
    let cases = [
        (vec!["a.example.com:1", "a.evil.com:1"], "", "srv-foreign: an SRV record of"),
        (vec!["example.com:1"], "", "srv-foreign: an SRV record of"),
        (vec!["10.0.0.1:1"], "", "srv-malformed: an SRV record of"),
        (vec!["a.example.com:1"], "a\u{1}b", "srv-malformed: the TXT records of"),
        (vec!["a.example.com:1"], &too_long, "srv-malformed: the TXT records of"),
    ];
    for (places, text, expected) in cases {
        guest.names.set_services(SERVICE, &places);
        guest.names.set_texts(HOST, &[text]);
        let refused = guest.tries_srv(settings(), &[], &[srv(None)]).await.unwrap_err();
        let (action, said) = failure(&refused);
        assert_eq!(action, Action::Config, "{said}");
        assert!(said.starts_with(expected), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_may_not_lead_into_the_operators_network_unless_that_is_meant() {
    let guest = Guest::new().await;
    let port = peers::serve(peers::echo).await;
    let place = format!("a.example.com:{port}");
    guest.names.set("a.example.com", &["127.0.0.1"]);
    guest.names.set_services(SERVICE, &[&place]);
    let public = SrvGrant { private: false, ..srv(None) };
    let talk = || json!({"deed": "talk", "address": place, "bytes": 3});
    let refused = guest.tries_srv(talk(), &[], std::slice::from_ref(&public)).await.unwrap();
    assert!(!refused.starts_with("ok"), "{refused}");
    let own = cartridge_warp::plugin::HostGrant { private: true, ..grant(&place) };
    let allowed = guest.tries_srv(talk(), &[own], &[public]).await.unwrap();
    assert_eq!(allowed, "ok 3 rounds");
}
