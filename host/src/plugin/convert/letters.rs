//! What is asked of a destination's dead letters, and what it answers.

use super::bounds::{count, key, malformed, message, name, word};
use crate::{
    model::{KeptLetter, LetterFilter, LetterPage, Settlement},
    plugin::{
        Cause,
        bindings::in_full::exports::cartridge::warp::destination_letters as export,
        limits::{NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, TABLES_MAX},
        text,
    },
};

pub(in crate::plugin) fn filter(filter: &LetterFilter) -> export::LetterFilter {
    let LetterFilter { ids, table, code, status, since_us } = filter.clone();
    export::LetterFilter { ids, table, code, status, since_us }
}

pub(in crate::plugin) fn settlement(settlement: &Settlement) -> export::Settlement {
    let Settlement { ids, status, resolution } = settlement.clone();
    export::Settlement { ids, status, resolution }
}

/// No more letters than were asked for, each of them behind the one before, so that asking for what is
/// behind the last one comes to an end; and none that was not meant.
pub(in crate::plugin) fn page(
    page: export::LetterPage,
    filter: &LetterFilter,
    after: u64,
    limit: u32,
) -> Result<LetterPage, Cause> {
    let export::LetterPage { letters, more } = page;
    count("letters", letters.len(), limit as usize)?;
    if more && letters.is_empty() {
        return Err(malformed("it says that there are more letters, and lists none"));
    }
    let mut last = after;
    let letters = letters.into_iter().map(|letter| {
        let letter = self::letter(letter)?;
        if letter.id <= last || !filter.means(&letter) {
            return Err(malformed(format!("letter {} is not among those asked for", letter.id)));
        }
        last = letter.id;
        Ok(letter)
    });
    Ok(LetterPage { letters: letters.collect::<Result<_, _>>()?, more })
}

fn letter(letter: export::KeptLetter) -> Result<KeptLetter, Cause> {
    Ok(KeptLetter {
        id: letter.id,
        table: name("table", letter.table)?,
        operation: word(&letter.operation),
        payload: text::prefix(&letter.payload, PAYLOAD_BYTES_MAX).to_owned(),
        code: word(&letter.code),
        message: message(&letter.message),
        origin: text::one_line(&letter.origin, NAME_BYTES_MAX),
        key: key(letter.key),
        count: letter.count,
        status: word(&letter.status),
        resolution: letter.resolution.map(|resolution| message(&resolution)),
        first_seen_us: letter.first_seen_us,
        last_seen_us: letter.last_seen_us,
    })
}

pub(in crate::plugin) fn open(open: Vec<(String, u64)>) -> Result<Vec<(String, u64)>, Cause> {
    count("tables with open letters", open.len(), TABLES_MAX)?;
    open.into_iter().map(|(table, letters)| Ok((name("table", table)?, letters))).collect()
}

pub(in crate::plugin) fn settled(letters: u64, settlement: &Settlement) -> Result<u64, Cause> {
    let asked = settlement.ids.len() as u64;
    if letters > asked {
        return Err(malformed(format!("it settled {letters} of {asked} letters")));
    }
    Ok(letters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::limits::KEY_BYTES_MAX;

    fn kept(id: u64, table: &str) -> export::KeptLetter {
        export::KeptLetter {
            id,
            table: table.into(),
            operation: "insert".into(),
            payload: "p".repeat(PAYLOAD_BYTES_MAX + 1),
            code: "c".into(),
            message: "m\u{1b}".into(),
            origin: "o".into(),
            key: Some("k".repeat(KEY_BYTES_MAX + 1)),
            count: 1,
            status: "pending".into(),
            resolution: None,
            first_seen_us: i64::MIN,
            last_seen_us: i64::MAX,
        }
    }

    #[test]
    fn pages_that_could_go_on_for_ever_or_were_not_asked_for_are_refused() {
        let of_orders = LetterFilter { table: Some("orders".into()), ..LetterFilter::default() };
        let cases = [
            ("in order", vec![kept(6, "orders"), kept(9, "orders")], true, true),
            ("none", vec![], false, true),
            ("more of none", vec![], true, false),
            ("the last one again", vec![kept(5, "orders")], false, false),
            ("one twice", vec![kept(6, "orders"), kept(6, "orders")], false, false),
            ("another table's", vec![kept(6, "other")], false, false),
            ("no table's", vec![kept(6, "")], false, false),
            (
                "too many",
                vec![kept(6, "orders"), kept(7, "orders"), kept(8, "orders")],
                false,
                false,
            ),
        ];
        for (case, letters, more, is_right) in cases {
            let page = page(export::LetterPage { letters, more }, &of_orders, 5, 2);
            assert_eq!(page.is_ok(), is_right, "{case}");
            for letter in page.into_iter().flat_map(|page| page.letters) {
                assert_eq!(letter.payload.len(), PAYLOAD_BYTES_MAX, "{case}");
                assert!(!letter.message.contains('\u{1b}'), "{case}");
                assert_eq!(letter.key, None, "{case}");
            }
        }
    }
}
