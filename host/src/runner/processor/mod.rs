//! Keeps one schema going: attempts, pauses, schedules.

mod adopt;
mod approval;
mod check;
mod completion;
mod drop;
mod dry_run;
mod letters;
mod opened;
mod order;
mod proving;
mod reaction;
mod repair;
mod retained;
mod retry;
mod rewrite;
mod schema_processor;
mod standby;
mod standing;
mod status;
mod teardown;
mod verify;

pub use adopt::{Adopted, adopt};
pub use approval::{Choice, UNAPPROVED, Waits, decide, waits};
pub use check::{Checked, check};
pub use completion::Completion;
pub use drop::{Dropped, drop_tables};
pub use letters::{Listed, list as list_letters, settle as settle_letters};
pub use order::{Order, Ordered, order};
pub use repair::{Repaired, repair};
pub use retry::{Retried, retry};
pub use schema_processor::SchemaProcessor;
pub use status::{SchemaStatus, status};
pub use teardown::{Teardown, foresee, tear_down};
pub use verify::{Asked as Verify, Compared, Proof, Sample, Verified, verify};
