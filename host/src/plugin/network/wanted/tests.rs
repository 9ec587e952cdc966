//! What declarations and configured values come to.

use super::*;

const SSL_REQUEST: &str = "${connection_string}?port=5432&tls=ssl-request&mode=sslmode\
                           &ca=sslrootcert&certificate=sslcert&key=sslkey";
const DIRECT: &str = "${connection_string}?port=27017&tls=direct&mode=tls|ssl&ca=tlsCAFile\
                      &certificate=tlsCertificateKeyFile&srv=mongodb%2Bsrv\
                      &service=srvServiceName";

fn granted(declared: &str, value: &str) -> String {
    let base = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reading = match Reading::parse(declared) {
        Ok(Some(reading)) => reading,
        Ok(None) => return "nothing".to_owned(),
        Err(error) => return format!("! {error}"),
    };
    match reading.grants(value, base) {
        Ok(Wanted { hosts, srv: None }) => hosts.iter().map(shown).collect::<Vec<_>>().join(" "),
        Ok(Wanted { srv: Some(srv), .. }) => {
            let grant = HostGrant {
                key: srv.key,
                host: format!("{}.{}", srv.service, srv.host).parse().unwrap(),
                port: 1,
                tls: srv.tls,
                private: srv.private,
                login: None,
            };
            format!("srv {}", shown(&grant))
        }
        Err(error) => format!("! {error}"),
    }
}

fn shown(grant: &HostGrant) -> String {
    let tls = grant.tls.as_ref().map_or(String::new(), |tls| {
        let start = match tls.start {
            TlsStart::Direct => "direct",
            TlsStart::SslRequest => "request",
        };
        let files = [&tls.ca, &tls.certificate, &tls.key];
        let names = files.map(|file| {
            let name = file.as_ref().and_then(|path| path.file_name());
            name.map_or(String::new(), |name| format!("/{}", name.to_string_lossy()))
        });
        format!("/{start}/{}{}", tls.mode.word(), names.concat())
    });
    format!("{grant}{tls}")
}

fn assert_granted(cases: &[(&str, &str, &str, &str)]) {
    for (name, declared, value, expected) in cases {
        let granted = granted(declared, value);
        assert!(granted.starts_with(expected), "{name}: {granted}");
        assert!(granted.starts_with('!') || granted == *expected, "{name}: {granted}");
    }
}

#[test]
fn configured_urls_become_grants_as_the_connector_declares() {
    assert_granted(&[
        ("a literal is for people", "db.example:5432", "", "nothing"),
        ("another reference too", "${secrets.x}", "", "nothing"),
        ("plain", "${connection_string}", "x://db:1", "db:1"),
        ("no port", "${connection_string}", "x://db", "! `db` names no port"),
        ("default port", "${options.a}?port=7", "x://db,c:8", "db:7 c:8"),
        ("hosts alone", "${options.a}?port=7", "db", "db:7"),
        ("prefer", SSL_REQUEST, "pg://u:p@db/x", "db:5432/request/prefer"),
        ("full", SSL_REQUEST, "pg://db?sslmode=verify-full", "db:5432/request/verify-full"),
        (
            "files",
            SSL_REQUEST,
            "pg://db?sslmode=require&sslrootcert=Cargo.toml&sslcert=src%2Flib.rs&sslkey=src/main.rs",
            "db:5432/request/require/Cargo.toml/lib.rs/main.rs",
        ),
        ("allow", SSL_REQUEST, "pg://db?sslmode=allow", "! `sslmode=allow`: `allow` would"),
        ("a word", SSL_REQUEST, "pg://db?sslmode=maybe", "! `sslmode=maybe`: is none of"),
        (
            "two words",
            SSL_REQUEST,
            "pg://db?sslmode=require&sslmode=disable",
            "! its parameters `sslmode` and `sslmode` say different things",
        ),
        (
            "a file for nothing",
            SSL_REQUEST,
            "pg://db?sslmode=disable&sslrootcert=Cargo.toml",
            "! `sslrootcert` means nothing while `sslmode` is disable",
        ),
        (
            "no file",
            SSL_REQUEST,
            "pg://db?sslmode=require&sslrootcert=none.pem",
            "! `sslrootcert` is ",
        ),
    ]);
}

#[test]
fn tls_from_the_first_byte_is_on_where_the_url_says_so() {
    assert_granted(&[
        (
            "direct is off by default",
            DIRECT,
            "mongodb://a,b:2",
            "a:27017/direct/disable b:2/direct/disable",
        ),
        ("direct", DIRECT, "mongodb://a?tls=true", "a:27017/direct/verify-full"),
        ("another name of it", DIRECT, "mongodb://a?ssl=true", "a:27017/direct/verify-full"),
        (
            "both names",
            DIRECT,
            "mongodb://a?tls=true&ssl=false",
            "! its parameters `tls` and `ssl` say different things",
        ),
        (
            "a name that a driver may read, too",
            DIRECT,
            "mongodb://a?TLS=true",
            "! its parameter `TLS` is spelled `tls`",
        ),
        ("nobody is asked", DIRECT, "mongodb://a?tls=prefer", "! `tls=prefer`: `prefer` needs"),
        (
            "seeds after a password",
            DIRECT,
            "mongodb://u:p%40s:%2Fx@a.example:1,b.example:2,[::1]:3/db?replicaSet=rs0",
            "a.example:1/direct/disable b.example:2/direct/disable [::1]:3/direct/disable",
        ),
        (
            "certificate and key in one file",
            "${connection_string}?port=1&tls=direct&mode=tls&certificate=pem&key=pem",
            "x://a?tls=true&pem=Cargo.toml",
            "a:1/direct/verify-full/Cargo.toml/Cargo.toml",
        ),
    ]);
}

#[test]
fn one_host_stands_for_those_of_its_srv_records() {
    assert_granted(&[
        (
            "srv is protected by default",
            DIRECT,
            "mongodb+srv://u:p@c.example.com/x",
            "srv mongodb.c.example.com:1/direct/verify-full",
        ),
        (
            "but for a word",
            DIRECT,
            "mongodb+srv://c.example.com/?tls=false&srvServiceName=other",
            "srv other.c.example.com:1/direct/disable",
        ),
        ("srv with a port", DIRECT, "mongodb+srv://c.example.com:1", "! mongodb+srv:// names"),
        ("srv of two", DIRECT, "mongodb+srv://a.b.c,d.b.c", "! mongodb+srv:// names one host"),
        ("srv of an address", DIRECT, "mongodb+srv://10.0.0.1", "! mongodb+srv:// names one"),
        (
            "no service",
            DIRECT,
            "mongodb+srv://a.b.c?srvServiceName=x.y",
            "! `x.y` is no name of a service",
        ),
    ]);
}

#[test]
fn whoever_writes_a_scheme_that_means_tls_gets_it() {
    const HTTP: &str = "${connection_string}?port=443&tls=direct&mode=tls";
    const NOTHING: &str = "${connection_string}?port=443";
    const QUEUE: &str = "${connection_string}?port=1&tls=direct&mode=tls&secure=AMQPS|rediss";
    assert_granted(&[
        ("https", HTTP, "https://a.example", "a.example:443/direct/verify-full"),
        ("a composed one", HTTP, "x+https://a.example", "a.example:443/direct/verify-full"),
        ("in capitals", HTTP, "HTTPS://a.example", "a.example:443/direct/verify-full"),
        ("undeclared", NOTHING, "https://a.example", "a.example:443/direct/verify-full"),
        ("undeclared", NOTHING, "wss://u:p@a", "a:443/direct/verify-full"),
        ("another scheme", NOTHING, "http://a.example", "a.example:443"),
        ("less, but said", HTTP, "https://a?tls=require", "a:443/direct/require"),
        ("off", HTTP, "https://a?tls=false", "! `tls=false` contradicts https://, which"),
        ("declared", QUEUE, "amqps://a", "a:1/direct/verify-full"),
        ("declared too", QUEUE, "rediss://a", "a:1/direct/verify-full"),
        ("declared, off", QUEUE, "rediss://a?tls=disable", "! `tls=disable` contradicts"),
        ("not declared", QUEUE, "redis://a", "a:1/direct/disable"),
        (
            "a server that would be asked first",
            "${connection_string}?port=1&tls=ssl-request&mode=m&secure=xs",
            "xs://a?m=prefer",
            "! `m=prefer` contradicts xs://",
        ),
    ]);
}

#[test]
fn a_server_outside_may_not_be_silenced_unless_that_is_said() {
    assert_granted(&[
        ("a short name", SSL_REQUEST, "pg://db", "db:5432/request/prefer"),
        ("this machine", SSL_REQUEST, "pg://127.0.0.1", "127.0.0.1:5432/request/prefer"),
        ("a private address", SSL_REQUEST, "pg://10.0.0.1", "10.0.0.1:5432/request/prefer"),
        ("a name outside", SSL_REQUEST, "pg://a.example", "a.example:5432/request/require"),
        ("an address outside", SSL_REQUEST, "pg://9.9.9.9", "9.9.9.9:5432/request/require"),
        (
            "each by itself",
            SSL_REQUEST,
            "pg://a.example,db",
            "a.example:5432/request/require db:5432/request/prefer",
        ),
        ("said", SSL_REQUEST, "pg://a.example?sslmode=prefer", "a.example:5432/request/prefer"),
    ]);
}

#[test]
fn declarations_in_unknown_words_are_refused() {
    assert_granted(&[
        (
            "an unknown login",
            "${connection_string}?login=magic",
            "x://db:1",
            "! the connector asks",
        ),
        (
            "an unknown parameter",
            "${connection_string}?magic=1",
            "x://db:1",
            "! the connector asks",
        ),
        ("a mode without TLS", "${connection_string}?mode=m", "x://db:1", "! the connector asks"),
        ("an unknown start", "${connection_string}?tls=magic", "x://db:1", "! the connector asks"),
        ("words after it", "${connection_string}/x", "x://db:1", "! the connector asks"),
    ]);
}
