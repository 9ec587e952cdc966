//! What has changed lately, for whoever looks only now: the last events that say more than that work goes on.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use super::event::Event;

/// Events that are kept (I7).
pub const RECENT_MAX: usize = 100;
/// States of tables on their way. A start with thousands of tables would leave no room for anything else.
const ROUTINE: [&str; 4] = ["new", "pending", "copying", "streaming"];

/// The last events, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<VecDeque<Event>>);

impl Recent {
    /// Keeps an event, unless a table goes on in its ordinary life, with nothing wrong. `before` is the table's state so far.
    pub(super) fn add(&self, before: Option<&str>, event: &Event) {
        let is_routine = |state: &str| ROUTINE.contains(&state);
        let goes_on = event.table.is_some() && before.is_none_or(is_routine);
        if goes_on && is_routine(&event.state) && event.code.is_none() {
            return;
        }
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == RECENT_MAX {
            events.pop_front();
        }
        events.push_back(event.clone());
    }

    pub(super) fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_kept_and_work_that_goes_on_is_no_news() {
        let recent = Recent::default();
        let event = |table: Option<&str>, state: &str| Event {
            table: table.map(str::to_owned),
            state: state.to_owned(),
            ..Event::default()
        };
        let cases = [
            (Some("a"), None, "streaming", false),
            (Some("a"), Some("pending"), "copying", false),
            (Some("a"), Some("streaming"), "parked", true),
            (Some("a"), Some("parked"), "again", true),
            (Some("a"), Some("again"), "copying", true),
            (Some("a"), Some("streaming"), "gone", true),
            (None, None, "streaming", true),
        ];
        for (table, before, state, is_kept) in cases {
            let kept = recent.all().len();
            recent.add(before, &event(table, state));
            assert_eq!(recent.all().len() > kept, is_kept, "{table:?} {before:?} {state}");
        }
        let lacking =
            Event { code: Some("extra-not-made".to_owned()), ..event(Some("a"), "streaming") };
        let kept = recent.all().len();
        recent.add(Some("streaming"), &lacking);
        assert_eq!(recent.all().len(), kept + 1, "something is wrong with a table that goes on");
        for number in 0..2 * RECENT_MAX {
            recent.add(None, &event(None, &number.to_string()));
        }
        let kept = recent.all();
        assert_eq!((kept.len(), kept[0].state.as_str()), (RECENT_MAX, "100"));
    }
}
