//! Runs a configuration: snapshot, change stream, recovery.
//!
//! ```text
//! WarpRunner ─► SchemaProcessor (one per schema) ─► attempts
//!   attempt: open → claim → find start → copy → follow
//!   follow:  reader ─► queue ─► pending ─► deliver ─► commit{rows + markers + epoch} ─► confirm
//! ```
//!
//! Rooms use what stands before them, and nothing else:
//!
//! ```text
//! advice, error, interludes, looks, names, places, sought, starts ◄ state, side, table, letters ◄ parking, presence ◄ findings, context ◄ commit ◄ shapes
//!   shapes ◄ deliver, reading ◄ copy, extras, follow ◄ attempt ◄ processor ◄ desk ◄ runner
//! ```
//!
//! Vendor logic is in the plugins; what they answer is checked by `plugin` before it gets here.
//! Invariants I1 to I6 are kept in this folder: see `commit`, `deliver`, `follow`, `attempt`.

mod advice;
mod attempt;
mod commit;
mod context;
mod copy;
mod deliver;
mod desk;
mod error;
mod extras;
mod findings;
mod follow;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod interludes;
mod letters;
mod looks;
mod names;
mod parking;
mod places;
mod presence;
mod processor;
mod reading;
mod retained;
#[allow(clippy::module_inception)] // The architecture's own name for it.
mod runner;
mod shapes;
mod side;
mod sought;
mod starts;
mod state;
mod table;
mod tally;

pub use desk::{Answers, Desk, DeskError, ORDER_WAIT_MAX};
pub use error::RunError;
pub use parking::{moment, now_s};
pub use processor::{
    Adopted, Checked, Choice, Compared, Completion, Dropped, Listed, Order, Ordered, Proof,
    Repaired, Retried, Sample, SchemaProcessor, SchemaStatus, Teardown, UNAPPROVED, Verified,
    Verify, Waits,
};
pub use runner::{SchemaReport, Surroundings, WarpRunner};
pub use shapes::Waiting;
pub use side::{
    ConnectorError, Connectors, Endpoint, compile_limits, destination as destination_endpoint,
    endpoint_of, open_grants, process_bounds, source as source_endpoint,
};
pub use table::Subject;
