use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

use super::*;

/// Has what each encoding treats in a way of its own.
const SECRET: &str = "p@ss \"wörd\\%41/+é😀\u{1b}?";

fn knowing(values: &[&str]) -> Secrets {
    let mut secrets = Secrets::default();
    secrets.learn(values.iter().copied());
    secrets
}

fn redacted(secrets: &Secrets, text: &str, cut: bool) -> String {
    secrets.matcher.as_ref().unwrap().redact(text, cut).into_owned()
}

fn percent(text: &str, keep: &[u8], upper: bool) -> String {
    let byte = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() || keep.contains(&byte) => (byte as char).to_string(),
        byte if upper => format!("%{byte:02X}"),
        byte => format!("%{byte:02x}"),
    };
    text.bytes().map(byte).collect()
}

fn encodings(secret: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::to_string(secret).unwrap();
    let debug = format!("{secret:?}");
    let units: String = secret.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let bytes: String = secret.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    vec![
        ("as it is", secret.to_owned()),
        ("percent-encoded", percent(secret, b"-_.~", true)),
        ("percent-encoded in small letters", percent(secret, b"-_.~", false)),
        ("percent-encoded as a component", percent(secret, b"-_.~!'()*", true)),
        ("percent-encoded as a path", percent(secret, b"-_.~/@+:!$&'()*,;=", true)),
        ("percent-encoded to the last byte", secret.bytes().map(|b| format!("%{b:02X}")).collect()),
        ("percent-encoded as a form", percent(secret, b"-_.* ", true).replace(' ', "+")),
        ("percent-encoded twice", percent(&percent(secret, b"", true), b"", true)),
        ("as JSON", json[1..json.len() - 1].to_owned()),
        ("as JSON in JSON", serde_json::to_string(&json).unwrap()),
        ("as JSON of ASCII", units),
        ("as Debug", debug[1..debug.len() - 1].to_owned()),
        ("as Debug of Debug", format!("{debug:?}")),
        ("escaped whole", secret.escape_default().to_string()),
        ("escaped to Unicode", secret.escape_unicode().to_string()),
        ("escaped bytes", bytes),
        ("an encoded URL in Debug", format!("{:?}", percent(secret, b"", false))),
        ("in base64", BASE64.encode(secret.as_bytes())),
        ("in base64 without padding", BASE64_NOPAD.encode(secret.as_bytes())),
        ("in base64 of URLs", BASE64URL.encode(secret.as_bytes())),
        ("in base64 of URLs without padding", BASE64URL_NOPAD.encode(secret.as_bytes())),
        ("in hex", HEXLOWER.encode(secret.as_bytes())),
        ("in capital hex", HEXUPPER.encode(secret.as_bytes())),
        ("as bytes", format!("{:?}", secret.as_bytes())),
    ]
}

#[test]
fn no_encoding_of_a_secret_stays() {
    let secrets = knowing(&[SECRET]);
    for (name, encoded) in encodings(SECRET) {
        let found = redacted(&secrets, &format!("login <{encoded}> failed"), false);
        let inner = found.strip_prefix("login <").and_then(|rest| rest.strip_suffix("> failed"));
        let inner = inner.unwrap_or_else(|| panic!("{name}: {found}"));
        // Quotes, brackets and padding around it may stay.
        assert_eq!(inner.trim_matches(['"', '\\', '[', ']', '=']), HIDDEN, "{name}: {encoded}");
    }
}

#[test]
fn a_login_in_base64_hides_its_password_at_every_alignment() {
    for secret in ["hunter2", "sesame-open", "123456", SECRET] {
        let secrets = knowing(&[secret]);
        for user in ["", "m", "me", "you"] {
            for end in ["", "!", "!!", "!!!"] {
                let login = format!("{user}:{secret}{end}");
                for encoding in [BASE64, BASE64URL, BASE64_NOPAD, BASE64URL_NOPAD] {
                    let encoded = encoding.encode(login.as_bytes());
                    let found = redacted(&secrets, &encoded, false);
                    assert!(found.contains(HIDDEN), "{login}: {found}");
                    let left: usize = found.replace(HIDDEN, "").trim_end_matches('=').len();
                    let allowed = (user.len() + end.len() + 1) * 4 / 3 + 2;
                    assert!(left <= allowed, "{login}: {encoded} became {found}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_secret_stays_as_it_is() {
    let secrets = knowing(&["hunter22", "hunter22-longer", "short"]);
    let cases = [
        ("nothing to hide", "plain %41 \\n text", "plain %41 \\n text"),
        ("a part is none", "hunter2", "hunter2"),
        ("a secret below the minimum is not learnt", "short", "short"),
        ("twice, side by side", "hunter22hunter22 hunter22", "*** ***"),
        ("the longer of two", "<hunter22-longer>", "<***>"),
        ("at the ends", "hunter22 and hunter22", "*** and ***"),
        ("between wide characters", "ä\u{202e}hunter22\u{1f600}", "ä\u{202e}***\u{1f600}"),
    ];
    for (name, text, expected) in cases {
        assert_eq!(redacted(&secrets, text, false), expected, "{name}");
    }
}

#[test]
fn a_cut_leaves_no_half_of_a_secret() {
    let secrets = knowing(&[SECRET]);
    for (name, encoded) in encodings(SECRET) {
        for end in 0..=encoded.len() {
            let Some(cut) = encoded.get(..end) else { continue };
            let text = format!("at {cut}");
            let found = redacted(&secrets, &text, true);
            let left = found.replace(HIDDEN, "").len().saturating_sub("at ".len());
            // Of the last encodings a beginning may stay that holds less than the minimum.
            let allowed = encoded.len() * VALUE_BYTES_MIN / SECRET.len() + 12;
            assert!(left <= allowed, "{name}: {text} became {found}");
        }
    }
    assert_eq!(redacted(&secrets, "at p@ss \"w", false), "at p@ss \"w", "not cut, so no secret");
}

#[test]
fn the_passwords_of_connection_strings_are_found() {
    let cases: [(&str, &[&str]); 14] = [
        ("postgresql://me:hunter2@db/shop", &["hunter2"]),
        ("postgresql://me:p%40ss%20word@db/shop", &["p%40ss%20word", "p@ss word"]),
        ("mongodb://me:p@hunter2@db/?tls=true", &["p@hunter2"]),
        ("redis://:hunter2@db:6379", &["hunter2"]),
        ("https://ghp_0123456789abcdef0123@api.example", &["ghp_0123456789abcdef0123"]),
        ("https://api.example/?token=abc%2Bdef&x=1", &["abc%2Bdef", "abc+def"]),
        ("host=db password=hunter2 user=me", &["hunter2"]),
        (r"host=db password='hunt er\'2' user=me", &["hunt er'2"]),
        ("Server=db;Pwd=hunter2;Database=x", &["hunter2"]),
        ("DefaultEndpointsProtocol=https;AccountKey=aGVsbG8=;X=y", &["aGVsbG8="]),
        ("postgresql://me@db/shop?sslmode=verify-full", &[]),
        ("postgresql://db/shop?password_file=/run/secret", &[]),
        ("./data/in", &[]),
        ("", &[]),
    ];
    for (text, expected) in cases {
        let found = connection::secrets(text);
        for secret in expected {
            assert!(found.iter().any(|found| found == secret), "{text}: {found:?}");
        }
        assert_eq!(found.is_empty(), expected.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn settings_of_free_form_are_searched() {
    let settings = serde_json::json!({
        "auth": {"password": "hunter22", "opaque": ["plain"]},
        "tokens": ["first-token", "second-token"],
        "token_file": "/run/token",
        "url": "amqp://me:pass-of-url@mq",
        "number": 7,
    });
    let (mut strings, mut values) = (Vec::new(), Vec::new());
    let mut keep_string = |text: &str| strings.extend(connection::secrets(text));
    let mut keep_value = |text: &str| values.push(text.to_owned());
    connection::in_settings(&settings, false, &mut keep_string, &mut keep_value);
    assert_eq!(strings, ["pass-of-url", "pass-of-url"]);
    assert_eq!(values, ["hunter22", "first-token", "second-token"]);
}

#[test]
fn renewed_secrets_push_out_the_oldest_that_nobody_learnt_again() {
    let mut secrets = Secrets::default();
    for number in 0..2 * VALUES_MAX {
        let value = format!("secret-{number:05}");
        secrets.learn(["a fixed one", &value].into_iter());
    }
    let (first, last) = ("secret-00000", format!("secret-{:05}", 2 * VALUES_MAX - 1));
    assert_eq!(redacted(&secrets, "a fixed one", false), HIDDEN);
    assert_eq!(redacted(&secrets, &last, false), HIDDEN);
    assert_eq!(redacted(&secrets, first, false), first);
    assert_eq!(secrets.values.len(), VALUES_MAX);
    let long = "x".repeat(VALUE_BYTES_MAX + 5);
    for number in 0..8 {
        secrets.learn([format!("{number}{long}").as_str()].into_iter());
    }
    let bytes: usize = secrets.values.iter().map(String::len).sum();
    assert!(secrets.bytes == bytes && bytes <= VALUES_BYTES_MAX, "{bytes}, {}", secrets.bytes);
}

#[test]
fn the_register_is_the_processs() {
    learn(" line one of a key\nline two of a key \n");
    assert_eq!(redact("> line two of a key"), "> ***");
    assert_eq!(redact("line one of a key\nline two of a key"), HIDDEN);
    learn_connection_string("x://u:pw@nowhere-else");
    assert_eq!(redact("can't reach x://u:pw@nowhere-else!"), "can't reach ***!");
    learn_connection_string("./no-secret-here");
    assert_eq!(redact("./no-secret-here"), "./no-secret-here");
    assert_eq!(redact_prefix("at x://u:pw@nowhere-else", 15), "at ***");
    assert_eq!(redact_prefix("größe", 3), "gr");
}
