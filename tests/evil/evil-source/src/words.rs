//! Words that harm who reads them: secrets in all writings, floods, and what nobody sees.

use std::fmt::Write;

use cartridge_warp_sdk::export::bindings::{
    cartridge::warp::{
        log::{self, Level},
        metrics,
        types::{DeadLetter, Failure},
    },
    exports::cartridge::warp::source::ChangeBatch,
};

/// Batches of a flood, and the letters of each.
const BATCHES: u32 = 20;
const LETTERS: usize = 1_000;
/// What a terminal obeys, and what nobody sees.
const HIDDEN: &str = "\u{1b}[2J\u{9b}1m\u{2028}\u{202e}\u{200b}\u{feff}\u{61c}\u{e0041}\r\n";

/// Speaks as told, with what it knows in confidence.
pub(crate) fn speak(deed: &str, secret: &str) -> Result<(), Failure> {
    match deed {
        "tell-secret" => tell(secret),
        "long-lines" => {
            for word in ["\u{1b}", "\"", "\\", "\u{202e}", "word "] {
                let line = word.repeat(9_000);
                log::log(Level::Warn, &line, &[(line.clone(), line.clone())]);
                print(&line);
            }
            Ok(())
        }
        "hidden-words" => Err(failure(format!("lost{HIDDEN}forged"))),
        _ => Ok(()),
    }
}

/// The same secret as it is, in URLs, in headers, in dumps: on every way out that there is.
fn tell(secret: &str) -> Result<(), Failure> {
    let mut words = format!("nowhere to go: {secret} and {secret:?}");
    for encode in [percent, base64, hex] {
        let _ = write!(words, "; {}", encode(secret.as_bytes()));
    }
    let _ = write!(words, "; {:?}", secret.as_bytes());
    let password = secret.split(':').nth(2).and_then(|rest| rest.split('@').next());
    let login = format!("me:{}", password.unwrap_or_default());
    let _ = write!(words, "; Basic {}; {}", base64(login.as_bytes()), percent(login.as_bytes()));
    log::log(Level::Info, &words, &[("header".to_owned(), base64(login.as_bytes()))]);
    print(&words);
    metrics::counter_add(password.unwrap_or_default(), 1);
    let mut failure = failure(words.clone());
    failure.detail = Some(words);
    Err(failure)
}

/// Fills a batch with letters, until the flood is over.
pub(crate) fn flood(batch: &mut ChangeBatch, call: u32) {
    let letter = |number: usize| DeadLetter {
        table: "items".to_owned(),
        operation: "insert".to_owned(),
        payload: "{}".to_owned(),
        code: "malformed-row".to_owned(),
        message: format!("not a row{HIDDEN}"),
        origin: format!("items:{call}-{number}"),
        key: None,
    };
    let over = call > BATCHES;
    batch.caught_up = over;
    batch.rejected = if over { Vec::new() } else { (0..LETTERS).map(letter).collect() };
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "it is what this deed is")]
fn print(words: &str) {
    println!("{words}");
    eprintln!("{words}");
}

fn failure(message: String) -> Failure {
    Failure {
        action: "retry".to_owned(),
        code: "nowhere".to_owned(),
        message,
        detail: None,
        retry_after_ms: None,
        tables: Vec::new(),
    }
}

fn percent(bytes: &[u8]) -> String {
    let byte = |byte: &u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    bytes.iter().map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            let index = (bits >> (18 - 6 * place)) & 63;
            text.push(char::from(LETTERS[index as usize]));
        }
        text.push_str(&"=".repeat(3 - group.len()));
    }
    text
}
