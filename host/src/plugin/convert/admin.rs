//! What a source says that its system keeps for a pipeline.

use super::bounds::count;
use crate::plugin::{
    Cause, Released, RetainedLog,
    bindings::source_in_full::exports::cartridge::warp::source_admin as export,
    limits::{MESSAGE_BYTES_MAX, NAME_BYTES_MAX, RELEASED_MAX},
    text,
};

pub(in crate::plugin) fn backlog(backlog: export::RetainedLog) -> RetainedLog {
    let export::RetainedLog { bytes, oldest_commit_us, left_bytes, left_us, words } = backlog;
    let words = text::one_line(&words, MESSAGE_BYTES_MAX);
    RetainedLog { bytes, oldest_commit_us, left_bytes, left_us, words }
}

pub(in crate::plugin) fn released(released: export::Released) -> Result<Released, Cause> {
    let export::Released { dropped, kept, frees_log } = released;
    count("things that were removed", dropped.len(), RELEASED_MAX)?;
    count("things that were kept", kept.len(), RELEASED_MAX)?;
    let words = |things: Vec<String>| {
        things.iter().map(|thing| text::one_line(thing, 2 * NAME_BYTES_MAX)).collect()
    };
    Ok(Released { dropped: words(dropped), kept: words(kept), frees_log })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_is_bounded_and_fit_to_be_shown() {
        let things = |number: usize| vec!["slot \u{1b}[31mred".to_owned(); number];
        let many = |dropped, kept| {
            let (dropped, kept) = (things(dropped), things(kept));
            released(export::Released { dropped, kept, frees_log: true })
        };
        let fine = many(RELEASED_MAX, 1).unwrap();
        assert_eq!((fine.dropped.len(), fine.kept.len()), (RELEASED_MAX, 1));
        assert!(!fine.kept[0].contains('\u{1b}'), "{:?}", fine.kept);
        assert!(many(RELEASED_MAX + 1, 0).is_err());
        assert!(many(0, RELEASED_MAX + 1).is_err());
    }
}
