//! Names and rules of the connector's own tables: epochs, markers, dead letters, definitions.

use crate::{Failure, fenced};

/// The metadata schema of a configuration that names none.
pub const METADATA_SCHEMA: &str = "cartridge_warp_metadata";
/// Who writes each schema.
pub const EPOCHS: &str = "epochs";
/// Positions that the host keeps.
pub const MARKERS: &str = "sync_markers";
/// Rows that could not be written.
pub const DEAD_LETTERS: &str = "dead_letter_queue";
/// The dead letters that nobody has settled, as a condition.
pub const OPEN_LETTERS: &str = "status IN ('pending', 'processing')";
/// How the letters of a table are settled that is emptied: its rows are all read again, and those that
/// are refused again are new letters.
pub const EMPTIED: &str = "the table was emptied to be copied again";
/// How each table is kept.
pub const TABLES: &str = "tables";
/// All of them.
pub const METADATA_TABLES: [&str; 4] = [EPOCHS, MARKERS, DEAD_LETTERS, TABLES];

/// I3: whether `epoch` is the schema's present one; `stored` is none when nobody has claimed it.
///
/// # Errors
/// `stop` when somebody else has claimed the schema, or nobody.
pub fn is_present(schema: &str, epoch: u64, stored: Option<i64>) -> Result<(), Failure> {
    let Some(stored) = stored else { return Err(unclaimed(schema)) };
    match u64::try_from(stored) {
        Ok(present) if present == epoch => Ok(()),
        Ok(present) => Err(fenced(schema, epoch, present)),
        Err(_) => Err(damaged("an epoch is negative")),
    }
}

/// The answer to a writer whose schema nobody has claimed here.
pub fn unclaimed(schema: &str) -> Failure {
    Failure::stop(
        "fenced",
        format!("nobody has claimed schema {schema} in this database; restart the runner"),
    )
}

/// The metadata cannot be what was written.
pub fn damaged(what: &str) -> Failure {
    Failure::stop("damaged-metadata", format!("{what}; the metadata tables were changed by hand"))
}

/// FNV-1a of the parts of a dead letter: finds equal letters fast; the comparison of the texts
/// decides.
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = &'a str>) -> i64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in parts.into_iter().flat_map(|part| part.bytes().chain([0xff])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash.cast_signed()
}
