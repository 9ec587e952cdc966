//! The proof that a cached entry is what this program stored for that component.
//!
//! An entry is native code. Guests write files under our user's name, and what they write must never
//! pass for one: so each entry carries a MAC by a key that only this program has. It covers what the
//! entry belongs to, too, so that an honest entry of one component is no entry of another.

use std::io::{self, Error};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::place::{Place, Readers};

const KEY_BYTES: usize = 32;
/// Changes when what an entry holds does.
const FORMAT: &[u8] = b"cartridge-warp compiled component 2";
const TAG_BYTES: usize = 32;
const LENGTH_BYTES: usize = 8;

/// The key of one state directory.
pub(super) struct Key([u8; KEY_BYTES]);

/// What an entry is stored for.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// wasmtime's version and every setting that changes compiled code.
    pub engine: u64,
    /// SHA-256 of the component, in hex.
    pub digest: &'a str,
}

/// What an entry holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content<'a> {
    /// What the component said it is.
    pub answer: &'a [u8],
    /// Its native code.
    pub image: &'a [u8],
}

impl Key {
    /// The key in this file; a new one where there is none.
    pub(super) fn of(place: &Place, name: &str) -> io::Result<Self> {
        let read = || place.read(name, Readers::Nobody, KEY_BYTES as u64);
        let found = match read()? {
            Some(found) => found,
            None => {
                let mut new = [0; KEY_BYTES];
                getrandom::fill(&mut new).map_err(|error| Error::other(error.to_string()))?;
                // Another process may be quicker; then its key is ours.
                match place.write_new(name, &new) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error);
                    }
                    _ => read()?.unwrap_or_default(),
                }
            }
        };
        let key = found.try_into();
        key.map(Self).map_err(|_| Error::other("it is no key; remove it, and a new one is made"))
    }

    /// The head of an entry; answer and image follow it.
    pub(super) fn head(&self, subject: Subject<'_>, content: &Content<'_>) -> Vec<u8> {
        let length = (content.answer.len() as u64).to_le_bytes();
        let mut mac = self.mac(subject);
        for part in [&length[..], content.answer, content.image] {
            mac.update(part);
        }
        [&mac.finalize().into_bytes()[..], &length].concat()
    }

    /// What the entry holds, if it was stored with this key for this subject.
    pub(super) fn open<'a>(&self, subject: Subject<'_>, entry: &'a [u8]) -> Option<Content<'a>> {
        let (tag, sealed) = entry.split_at_checked(TAG_BYTES)?;
        let mut mac = self.mac(subject);
        mac.update(sealed);
        mac.verify_slice(tag).ok()?;
        let (length, rest) = sealed.split_first_chunk::<LENGTH_BYTES>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (answer, image) = rest.split_at_checked(length)?;
        Some(Content { answer, image })
    }

    fn mac(&self, subject: Subject<'_>) -> Hmac<Sha256> {
        // HMAC fills a short key up with zeros itself; this way its length can't be wrong.
        let mut block = [0; 64];
        block[..KEY_BYTES].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(FORMAT);
        mac.update(&subject.engine.to_le_bytes());
        mac.update(&(subject.digest.len() as u64).to_le_bytes());
        mac.update(subject.digest.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject<'_> = Subject { engine: 7, digest: "ab" };
    const CONTENT: Content<'_> = Content { answer: b"it is", image: b"code" };

    fn entry(key: &Key) -> Vec<u8> {
        [&key.head(SUBJECT, &CONTENT)[..], CONTENT.answer, CONTENT.image].concat()
    }

    #[test]
    fn only_the_key_opens_an_entry_and_only_for_what_it_was_stored() {
        let key = Key([1; KEY_BYTES]);
        let sealed = entry(&key);
        assert_eq!(key.open(SUBJECT, &sealed), Some(CONTENT));
        assert_eq!(Key([2; KEY_BYTES]).open(SUBJECT, &sealed), None, "another key");
        assert_eq!(key.open(Subject { engine: 8, ..SUBJECT }, &sealed), None, "another engine");
        assert_eq!(key.open(Subject { digest: "ac", ..SUBJECT }, &sealed), None, "another file");
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(key.open(SUBJECT, &altered), None, "byte {at}");
            assert_eq!(key.open(SUBJECT, &sealed[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn a_key_is_made_once_and_only_we_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let place = Place::open(directory.path()).unwrap();
        let first = Key::of(&place, "k").unwrap();
        assert_eq!(Key::of(&place, "k").unwrap().0, first.0);
        assert_ne!(Key::of(&place, "other").unwrap().0, first.0);
        let file = directory.path().join("k");
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        mode(0o640).unwrap();
        assert!(Key::of(&place, "k").is_err());
        mode(0o600).unwrap();
        std::fs::write(&file, "short").unwrap();
        assert!(Key::of(&place, "k").is_err());
    }
}
