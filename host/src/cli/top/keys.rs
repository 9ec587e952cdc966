//! What a person presses, and signals that mean the same as leaving.

use std::{
    io::{self, Read},
    thread,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::{Receiver, channel},
};

use crate::cli::signals::SignalError;

/// Tables that Page Up and Page Down pass.
const PAGE: usize = 20;
/// Keys that wait to be heeded (I7).
const WAITING_MAX: usize = 16;

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Quit,
    /// Another order.
    Sort,
    /// So many tables further, or back.
    Down(usize),
    Up(usize),
    /// The first table.
    Start,
}

/// Hears keys from now on; the terminal has to tell each at once.
pub fn listen() -> Result<Receiver<Key>, SignalError> {
    let (tell, keys) = channel(WAITING_MAX);
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let (mut heard, tell) = (signal(kind)?, tell.clone());
        tokio::spawn(async move {
            if heard.recv().await.is_some() {
                // Nobody hears it once the command is leaving.
                let _ = tell.send(Key::Quit).await;
            }
        });
    }
    // It waits in a read that nothing ends but a key; the process does not wait for it.
    thread::spawn(move || {
        let mut bytes = [0; 64];
        while let Ok(count @ 1..) = io::stdin().read(&mut bytes) {
            for key in read(bytes.get(..count).unwrap_or_default()) {
                if tell.blocking_send(key).is_err() {
                    return;
                }
            }
        }
        let _ = tell.blocking_send(Key::Quit);
    });
    Ok(keys)
}

/// The keys of what a terminal sends at once; an arrow is several bytes.
fn read(mut bytes: &[u8]) -> Vec<Key> {
    let known: [(&[u8], Key); 12] = [
        (b"\x1b[5~", Key::Up(PAGE)),
        (b"\x1b[6~", Key::Down(PAGE)),
        (b"\x1b[A", Key::Up(1)),
        (b"\x1b[B", Key::Down(1)),
        (b"\x1b[H", Key::Start),
        (b"k", Key::Up(1)),
        (b"j", Key::Down(1)),
        (b" ", Key::Down(PAGE)),
        (b"g", Key::Start),
        (b"s", Key::Sort),
        (b"q", Key::Quit),
        (b"Q", Key::Quit),
    ];
    let mut keys = Vec::new();
    while !bytes.is_empty() {
        if bytes == b"\x1b" {
            // Escape alone.
            keys.push(Key::Quit);
            break;
        }
        let found = known.iter().find(|(sequence, _)| bytes.starts_with(sequence));
        keys.extend(found.map(|(_, key)| *key));
        // Of a sequence that means nothing here the end is not known.
        let length = match found {
            Some((sequence, _)) => sequence.len(),
            None if bytes.starts_with(b"\x1b") => bytes.len(),
            None => 1,
        };
        bytes = bytes.get(length..).unwrap_or_default();
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_a_terminal_sends() {
        let cases: [(&[u8], &[Key]); 8] = [
            (b"q", &[Key::Quit]),
            (b"\x1b", &[Key::Quit]),
            (b"jjk", &[Key::Down(1), Key::Down(1), Key::Up(1)]),
            (b"\x1b[B\x1b[6~s", &[Key::Down(1), Key::Down(PAGE), Key::Sort]),
            (b"\x1b[1;5Cq", &[]),
            (b"xg", &[Key::Start]),
            (b"\xff\xfe", &[]),
            (b"", &[]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(bytes), expected, "{bytes:?}");
        }
    }
}
