//! Puts a component through what its contract says, whoever wrote it in whatever language.
//!
//! ```text
//! case ─► bench (component, driver) ─► checks that apply ─► verdicts ─► report
//! ```
//!
//! A component is driven through the host's own sessions: the same sandbox, limits and checks of answers as
//! in a pipeline. What there is at the far side is written and read by the author's driver, so that no
//! connector testifies for itself. Each check begins with a far side as if nobody had been there, so its
//! verdict does not depend on the others.
//!
//! Not here: the command line, and how verdicts are shown on a terminal.

mod bench;
mod check;
mod connections;
mod destination;
mod disturbance;
mod driver;
mod ear;
mod finding;
mod junit;
mod opening;
mod run;
mod sample;
mod secrets;
mod source;
mod state;
mod statement;
mod values;

pub use bench::Bench;
pub use check::{Check, Outcome, Verdict};
pub use driver::{Driver, DriverError};
pub use ear::Ear;
pub use finding::Finding;
pub use junit::junit;
pub use run::{checks_of, run};
pub use statement::Statement;
