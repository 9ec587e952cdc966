//! Which way the log is read: over SQL or by streaming.
//!
//! One read over SQL brings several times as many changes a second, but the server decodes its log
//! from the slot's position for each; streaming decodes once and brings a change when it is committed.
//! So `auto` catches up over SQL and streams near the log's end. It knows no bytes and no server:
//! decisions only. Both ways have the same positions, so changing is always safe.

use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Action, Failure, log};

use crate::options::ReadBy;
use crate::pgoutput::Lsn;

/// Log that streaming takes over with: a fraction of a second of it.
const NEAR_BYTES: u64 = 4 << 20;
/// Log that streaming is too slow for: more than a second of it, a second after it was written.
const FAR_BYTES: u64 = 16 << 20;
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After streaming was too slow or broke, it is not tried again for so long.
const REST: Duration = Duration::from_secs(10);
/// The same after it could not begin.
const REST_AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// Chooses the way.
pub struct Way {
    read_by: ReadBy,
    /// No streaming before this.
    rest_until: Option<Instant>,
    /// The log's end when it was last looked at.
    looked: Option<(Instant, Lsn)>,
    /// When the stream broke last.
    broke: Option<Instant>,
    /// A read over SQL takes more temporary space than the server gives.
    is_sql_too_small: bool,
}

impl Way {
    /// As the operator wishes.
    pub fn new(read_by: ReadBy) -> Self {
        Self { read_by, rest_until: None, looked: None, broke: None, is_sql_too_small: false }
    }

    /// Whether to stream, with so much log behind the position.
    pub fn is_streaming(&self, behind: u64, now: Instant) -> bool {
        let rests = self.rest_until.is_some_and(|until| now < until);
        match self.read_by {
            ReadBy::Sql => false,
            ReadBy::Streaming => true,
            ReadBy::Auto => (behind <= NEAR_BYTES || self.is_sql_too_small) && !rests,
        }
    }

    /// Whether it is time to look at the log's end.
    pub fn is_look_due(&self, now: Instant) -> bool {
        let looked = |(then, _): (Instant, Lsn)| now.saturating_duration_since(then) >= LOOK_EVERY;
        self.read_by == ReadBy::Auto && self.looked.is_none_or(looked)
    }

    /// Whether the stream cannot keep up: log that was there at the last look still did not come.
    pub fn is_too_slow(&mut self, complete: Lsn, end: Lsn, now: Instant) -> bool {
        let before = self.looked.replace((now, end)).map_or(0, |(_, end)| end);
        let is_far = before.saturating_sub(complete) > FAR_BYTES;
        let too_slow = is_far && !self.is_sql_too_small;
        if too_slow {
            log::info("the stream of the log cannot keep up; catching up over SQL", &[]);
            self.rest_until = Some(now + REST);
        }
        too_slow
    }

    /// A read over SQL outgrew the server's `temp_file_limit`: streaming needs no such space.
    pub fn outgrown(&mut self, failure: Failure) -> Result<(), Failure> {
        // Once more means that streaming did not work either.
        if self.read_by != ReadBy::Auto || self.is_sql_too_small {
            return Err(no_room(failure));
        }
        log::warn(
            "a read of the log over SQL needs more temporary space than the server's temp_file_limit; \
             streaming it",
            &[],
        );
        self.is_sql_too_small = true;
        Ok(())
    }

    /// The stream begins.
    pub fn begins(&mut self) {
        self.looked = None;
    }

    /// The stream broke: it is begun again, or the other way taken, unless it does so all the time.
    pub fn broke(&mut self, failure: Failure, now: Instant) -> Result<(), Failure> {
        let often = self.broke.is_some_and(|broke| now.saturating_duration_since(broke) < REST);
        if failure.action != Action::Reconnect || (often && self.read_by == ReadBy::Streaming) {
            return Err(failure);
        }
        log::info("the stream of the log was cut; reading on", &[("why", &why(&failure))]);
        self.broke = Some(now);
        self.rest_until = Some(now + REST);
        Ok(())
    }

    /// The stream cannot begin: read the other way, where that is allowed and can help.
    pub fn refused(&mut self, failure: Failure, now: Instant) -> Result<(), Failure> {
        let helps = !matches!(failure.code.as_str(), "slot-busy" | "log-lost" | "another-server");
        if self.read_by != ReadBy::Auto || !helps {
            return Err(failure);
        }
        log::warn(
            "the log cannot be streamed; reading it over SQL, which is slower to notice changes",
            &[("why", &why(&failure))],
        );
        self.rest_until = Some(now + REST_AFTER_REFUSAL);
        Ok(())
    }
}

fn no_room(failure: Failure) -> Failure {
    Failure::config(
        failure.code,
        "reading the log over SQL needs more temporary space than the server's temp_file_limit: raise \
         it (ALTER ROLE … SET temp_file_limit), or see that the log can be streamed and set \
         `options.read_by: streaming`",
    )
    .detail(failure.detail.unwrap_or(failure.message))
}

fn why(failure: &Failure) -> String {
    let detail = failure.detail.as_deref().unwrap_or_default();
    format!("{failure} {detail}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut() -> Failure {
        Failure::reconnect("connection-lost", "cut")
    }

    #[test]
    fn the_operators_word_holds_whatever_the_distance() {
        let now = Instant::now();
        for (read_by, near, far) in [
            (ReadBy::Auto, true, false),
            (ReadBy::Sql, false, false),
            (ReadBy::Streaming, true, true),
        ] {
            let way = Way::new(read_by);
            assert_eq!(way.is_streaming(NEAR_BYTES, now), near, "{read_by:?}");
            assert_eq!(way.is_streaming(NEAR_BYTES + 1, now), far, "{read_by:?}");
        }
    }

    #[test]
    fn a_stream_is_too_slow_for_log_that_it_had_a_second_for() {
        let (mut way, now) = (Way::new(ReadBy::Auto), Instant::now());
        assert!(way.is_look_due(now));
        assert!(!way.is_too_slow(0, 10 * FAR_BYTES, now), "it was written just now");
        assert!(!way.is_look_due(now + LOOK_EVERY / 2));
        let later = now + LOOK_EVERY;
        assert!(way.is_look_due(later));
        assert!(!way.is_too_slow(9 * FAR_BYTES, 20 * FAR_BYTES, later), "it came");
        assert!(way.is_too_slow(9 * FAR_BYTES, 20 * FAR_BYTES, later + LOOK_EVERY));
        assert!(!way.is_streaming(0, later + LOOK_EVERY));
        assert!(way.is_streaming(0, later + LOOK_EVERY + REST));
    }

    #[test]
    fn a_broken_stream_is_mended_once_and_a_refused_one_avoided() {
        let now = Instant::now();
        let mut way = Way::new(ReadBy::Streaming);
        way.broke(cut(), now).unwrap();
        way.broke(cut(), now + REST / 2).unwrap_err();
        way.broke(cut(), now + 3 * REST).unwrap();
        way.broke(Failure::stop("protocol", ""), now + 9 * REST).unwrap_err();
        way.refused(cut(), now).unwrap_err();
        let mut way = Way::new(ReadBy::Auto);
        for _ in 0..3 {
            way.broke(cut(), now).unwrap();
        }
        assert!(!way.is_streaming(0, now) && way.is_streaming(0, now + REST));
        way.refused(Failure::config("authentication", ""), now).unwrap();
        assert!(!way.is_streaming(0, now + REST));
        let mut way = Way::new(ReadBy::Auto);
        way.outgrown(Failure::retry("temporary-space", "")).unwrap();
        assert!(way.is_streaming(9 * FAR_BYTES, now), "also far from the log's end");
        way.is_too_slow(0, 9 * FAR_BYTES, now);
        assert!(!way.is_too_slow(0, 9 * FAR_BYTES, now + LOOK_EVERY), "there is no other way");
        way.outgrown(Failure::retry("temporary-space", "")).unwrap_err();
        Way::new(ReadBy::Sql).outgrown(Failure::retry("temporary-space", "")).unwrap_err();
        for code in ["slot-busy", "log-lost", "another-server"] {
            way.refused(Failure::retry(code, ""), now).unwrap_err();
        }
    }
}
