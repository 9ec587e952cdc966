//! Finds the key of hashes: in the configuration itself or in its file.

use super::error::{Code, Problem};
use super::layers::Layers;
use super::path::KeyPath;
use super::{HashKey, WarpConfig};

const TEXT: &str = "hash_key";
const FILE: &str = "hash_key_file";
const HELP: &str = "make one with `openssl rand -hex 32`, and keep it: with another key, tables with \
                    hashed columns are copied again";

/// The key, if the configuration has one that is good for it.
pub(super) fn find(
    config: &WarpConfig,
    layers: &Layers,
    problems: &mut Vec<Problem>,
) -> Option<HashKey> {
    let mut refuse = |key: &str, code, message: String, help: &str| {
        let message = format!("`{key}` {message}");
        problems.push(layers.problem(code, &KeyPath::parse(key, "."), message, help.to_owned()));
    };
    let min = HashKey::BYTES_MIN;
    match (&config.hash_key, &config.hash_key_file) {
        (Some(_), Some(_)) => {
            let message = format!("can't stand beside `{TEXT}`");
            refuse(FILE, Code::Conflict, message, "keep one of the two");
            None
        }
        (Some(key), None) if key.is_too_short() => {
            let message = format!("is shorter than {min} bytes, which can be tried out");
            refuse(TEXT, Code::InvalidValue, message, HELP);
            None
        }
        (Some(key), None) => Some(key.clone()),
        (None, Some(file)) => match HashKey::read(file) {
            Ok(key) => Some(key),
            Err(error) => {
                refuse(FILE, Code::InvalidValue, format!("names a file that {error}"), HELP);
                None
            }
        },
        (None, None) => None,
    }
}
