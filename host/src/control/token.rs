//! What whoever asks over TCP has to show.

use std::{io::Read, path::Path};

use sha2::{Digest, Sha256};

use super::error::ControlError;
use crate::model::{open_regular, redaction};

/// Shorter ones could be tried out.
const BYTES_MIN: usize = 16;
/// Longer texts are something else.
const BYTES_MAX: usize = 4096;

/// The token, as its digest: what is compared says nothing of it by the time that it takes.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// The content of a file without the blanks around it; from then on it stands in no log.
    pub fn read(path: &Path) -> Result<Self, ControlError> {
        let refused = |problem: String| ControlError::Token { path: path.to_owned(), problem };
        let mut text = String::new();
        let file = open_regular(path).map_err(|error| refused(error.to_string()))?;
        let read = file.take(BYTES_MAX as u64 + 1).read_to_string(&mut text);
        read.map_err(|error| refused(error.to_string()))?;
        let token = text.trim();
        if token.len() < BYTES_MIN || text.len() > BYTES_MAX {
            let length = token.len();
            return Err(refused(format!(
                "holds {length} bytes, {BYTES_MIN} to {BYTES_MAX} are a token"
            )));
        }
        redaction::learn(token);
        Ok(Self::of(token))
    }

    fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Whether this is it.
    pub fn is(&self, shown: &str) -> bool {
        let Self(digest) = Self::of(shown);
        self.0.iter().zip(digest).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_in_a_file_and_long_enough() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        assert!(Token::read(&path).is_err(), "there is none");
        let cases = [
            ("fifteen bytes..", false),
            ("sixteen bytes...", true),
            (" \n sixteen bytes... \n", true),
            ("   fifteen bytes..   ", false),
            (&"x".repeat(5_000), false),
        ];
        for (text, is_good) in cases {
            std::fs::write(&path, text).unwrap();
            let read = Token::read(&path);
            assert_eq!(read.is_ok(), is_good, "{text:?}");
            if let Ok(token) = read {
                assert!(token.is("sixteen bytes...") && !token.is("sixteen bytes.."));
            }
        }
    }
}
