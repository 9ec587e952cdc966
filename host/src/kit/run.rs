//! Makes the checks of a component, one after the other.

use std::time::Instant;

use super::{
    bench::Bench,
    check::{Check, Outcome, Verdict},
    destination,
    driver::DriverError,
    finding::Broken,
    opening, secrets, source,
};
use crate::plugin::Role;

/// The checks of a role, in the order in which they are made.
pub fn checks_of(role: Role) -> Vec<&'static Check> {
    let own: &[&[Check]] = match role {
        Role::Source => &[opening::CHECKS, source::CHECKS, secrets::CHECKS],
        Role::Destination => &[opening::CHECKS, destination::CHECKS, secrets::CHECKS],
    };
    own.iter().flat_map(|checks| checks.iter()).collect()
}

/// Makes these checks and tells each verdict as it is there.
///
/// # Errors
/// Where the driver is at fault: then nothing is known of the component.
pub async fn run(
    bench: &mut Bench,
    checks: &[&'static Check],
    mut tell: impl FnMut(&Verdict),
) -> Result<Vec<Verdict>, DriverError> {
    let mut verdicts = Vec::new();
    for check in checks {
        let started = Instant::now();
        let outcome = match (check.spared)(bench) {
            Some(reason) => Outcome::NotApplicable(reason),
            None => {
                let checked = (check.run)(bench).await;
                bench.close().await;
                match checked {
                    Ok(()) => Outcome::Passed,
                    Err(Broken::Finding(finding)) => Outcome::Failed(finding),
                    Err(Broken::Driver(error)) => return Err(error),
                }
            }
        };
        let Check { name, meaning, .. } = check;
        let verdict = Verdict { name, meaning, outcome, took: started.elapsed() };
        tell(&verdict);
        verdicts.push(verdict);
    }
    Ok(verdicts)
}
