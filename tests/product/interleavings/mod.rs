//! Random histories of tables: rows and shapes change in any order, before the copy, while it runs, beside the copy of
//! others, in the stream, and while nobody reads; tables are paused, resumed and copied again; and the process is
//! stopped or killed in between. In the end each table is equal, or parked for a reason that its history gives, and
//! equal once it is resumed.
//!
//! `make interleavings` tells many; `CARTRIDGE_WARP_TEST_INTERLEAVINGS` is how many there are,
//! `CARTRIDGE_WARP_TEST_SEED` repeats the round of a seed that failed.

mod compare;
mod operations;
mod planted;
mod round;
mod table;
mod verdict;

use std::{collections::BTreeMap, env};

use fastrand::Rng;

use operations::OPERATIONS;
use round::{Phase, Round, TABLES};

/// Histories that are told without the variable.
const HISTORIES: usize = 40;
/// From so many on, each operation has to be made in each phase.
const COVERING: usize = 1000;

/// How often each operation was made in each phase.
type Coverage = BTreeMap<(Phase, String), usize>;

#[test]
fn histories_end_equal_or_parked_for_their_reason() {
    let number = |variable: &str| env::var(variable).ok().and_then(|text| text.parse().ok());
    let mut seeds = Rng::new();
    let (histories, fixed) = match number("CARTRIDGE_WARP_TEST_SEED") {
        Some(seed) => (TABLES, Some(seed)),
        None => {
            let histories = number("CARTRIDGE_WARP_TEST_INTERLEAVINGS");
            (histories.map_or(HISTORIES, |histories| histories as usize), None)
        }
    };
    let (mut coverage, mut parked) = (Coverage::new(), BTreeMap::<String, usize>::new());
    for _ in 0..histories.div_ceil(TABLES) {
        let seed = fixed.unwrap_or_else(|| seeds.u64(..));
        println!("seed {seed}");
        let mut round = Round::new(seed);
        round.tell();
        let faults = round.faults(&mut parked);
        assert!(faults.is_empty(), "{} tables: {}", faults.len(), faults[0].told);
        round.cover(&mut coverage);
    }
    println!("parked: {parked:?}");
    let (shown, missing) = show(&coverage);
    println!("{shown}");
    // Few histories need not have everything.
    assert!(histories < COVERING || missing.is_empty(), "never made: {missing:?}");
}

/// How often each operation was made; those that were not made in each phase.
fn show(coverage: &Coverage) -> (String, Vec<&'static str>) {
    let (mut shown, mut missing) = (Vec::new(), Vec::new());
    for operation in OPERATIONS {
        let times = |phase| *coverage.get(&(phase, operation.name.to_owned())).unwrap_or(&0);
        let [copying, beside, following, stopped] =
            [Phase::Copying, Phase::Beside, Phase::Following, Phase::Stopped].map(times);
        shown.push(format!(
            "{:40} copying {copying:5}, beside copies {beside:5}, following {following:5}, stopped {stopped:5}",
            operation.name
        ));
        if [copying, beside, following, stopped].contains(&0) {
            missing.push(operation.name);
        }
    }
    (shown.join("\n"), missing)
}
