//! A commit as the bytes of its file, with a checksum in the last line.

use cartridge_warp_sdk::naming::fnv1a;

use crate::manifest::{Commit, FORMATS};

/// Writes a commit.
pub(crate) fn encode(commit: &Commit) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec(commit)?;
    // Against cut and overwritten files, not against anybody's will.
    let sum = fnv1a(&bytes);
    bytes.extend(format!("\n{{\"checksum\":\"{sum:016x}\"}}\n").bytes());
    Ok(bytes)
}

/// Reads a commit; the words say what is wrong with it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Commit, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let (body, rest) = text.split_once('\n').ok_or("it is cut off")?;
    let expected = format!("{{\"checksum\":\"{:016x}\"}}\n", fnv1a(body.as_bytes()));
    if rest != expected {
        return Err("the checksum disagrees".to_owned());
    }
    let commit: Commit = serde_json::from_str(body).map_err(|error| error.to_string())?;
    if FORMATS.contains(&commit.format) {
        return Ok(commit);
    }
    Err(format!("it has the unknown format {}", commit.format))
}
