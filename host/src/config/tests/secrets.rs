//! Passwords show nowhere: not in errors, not in what is printed, not in debug output.

use super::{MINIMAL, load_with_env, refusal};
use crate::config::redact;

const SECRET: &str = "hunter2";

#[test]
fn passwords_are_starred_out_at_their_length() {
    let cases = [
        ("postgresql://me:hunter2@db/shop", "postgresql://**********@db/shop"),
        ("mongodb+srv://me:p@hunter2@db/?tls=true", "mongodb+srv://************@db/?tls=true"),
        ("postgresql://me:p/hunter2@db/shop", "postgresql://************@db/shop"),
        ("host=db password=hunter2 user=me", "host=db password=******* user=me"),
        ("host=db PASSWORD='hunt er2' user=me", "host=db PASSWORD=********** user=me"),
        ("jdbc:x?user=me&password=hunter2&ssl=1", "jdbc:x?user=me&password=*******&ssl=1"),
        ("  password: hunter2 and more", "  password: ****************"),
        ("api_key: ${KEY}", "api_key: ${KEY}"),
        ("nothing to hide here", "nothing to hide here"),
        ("credentials:\n  - public", "credentials:\n  - public"),
    ];
    for (text, expected) in cases {
        assert_eq!(redact(text), expected);
        assert_eq!(redact(text).len(), text.len(), "{text}");
    }
}

#[test]
fn no_error_quotes_a_password() {
    let url = "postgresql://me:hunter2@db/shop";
    let around = MINIMAL.replace("./data", url);
    let cases = [
        (
            "beside the line of an error",
            format!("{}x: 1\n", around.replace("type: files", "typ: files")),
        ),
        ("as the value of an enum", format!("{MINIMAL}mode: {url}\n")),
        ("as the value of a switch", format!("{MINIMAL}dry_run: password=hunter2\n")),
        ("as a length of time", format!("{MINIMAL}    default_polling_interval: {url}\n")),
        ("as a glob", format!("{MINIMAL}global_table_whitelist: ['{url}{{']\n")),
        (
            "as a schema's name",
            MINIMAL.replace("single_schema_name: shop", &format!("single_schema_name: {url}")),
        ),
        ("in text that is not YAML", format!("{around}  ] x\n")),
        (
            "in an option of several lines",
            MINIMAL.replace(
                "type: files",
                "type: files\n  options:\n    password: |\n      hunter2\n  nope: 1",
            ),
        ),
        (
            "in an option of a flow map",
            MINIMAL.replace("type: files", "type: files\n  options: {token: [hunter2]}\n  nope: 1"),
        ),
        (
            "in an option",
            MINIMAL
                .replace("type: files", "type: files\n  options: {password: hunter2}\n  nope: 1"),
        ),
    ];
    for (case, text) in &cases {
        let answer = refusal(case, text, &[]);
        assert!(!answer.contains(SECRET), "{case}:\n{answer}");
    }
    let env = [("CARTRIDGE_WARP_MODE", url), ("CARTRIDGE_WARP_DRY_RUN", url)];
    let answer = refusal("from the environment", MINIMAL, &env);
    assert!(!answer.contains(SECRET), "{answer}");
}

#[test]
fn nothing_printed_holds_a_password() {
    let text = MINIMAL.replace(
        "connection_string: ./data",
        "connection_string: 'postgresql://me:hunter2@db/shop'
  options: {auth: {password: hunter2, opaque: '${OPAQUE}'}, plain: visible}
  grants:
    environment: {PGPASS: hunter2}",
    );
    let env = [("OPAQUE", SECRET), ("CARTRIDGE_WARP_SOURCE__OPTIONS__MORE", SECRET)];
    let config = load_with_env(&text, &env).unwrap();
    let printed = config.effective();
    let leak = printed.iter().find(|key| key.value.contains(SECRET));
    assert!(leak.is_none(), "{leak:?}");
    assert!(printed.iter().any(|key| key.value == "visible"));
    for (how, text) in
        [("debug", format!("{config:?}")), ("serialised", serde_json::to_string(&config).unwrap())]
    {
        assert!(!text.contains("me:hunter2"), "{how}: {text}");
    }
    let connection = config.source.read_connection_string().unwrap();
    assert_eq!(connection.expose(), "postgresql://me:hunter2@db/shop");
}

#[test]
fn the_key_of_hashes_is_not_printed() {
    let text = format!("{MINIMAL}hash_key: hunter2 is a long key\n");
    let config = load_with_env(&text, &[]).unwrap();
    let printed = config.effective().into_iter().map(|key| key.value).collect::<Vec<_>>().join(" ");
    let shown = [format!("{config:?}"), serde_json::to_string(&config).unwrap(), printed];
    assert!(shown.iter().all(|text| !text.contains(SECRET)), "{shown:?}");
    assert_eq!(
        config.table_settings("shop", "a").hash_key.unwrap().expose(),
        "hunter2 is a long key"
    );
}
