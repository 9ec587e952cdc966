//! What a running pipeline is asked and told: by the commands of this program, and by others over HTTP.
//!
//! Thin: an order goes to the desk of the runner, which carries it out as the command does where nobody runs the
//! pipeline; what is shown comes from `monitor`. Answers have no secret in them: all go out through
//! `answers::json`.
//! Invariant I7: connections, bodies, waits and what waits are bounded, here and in `serving`.

mod answers;
mod approvals;
mod client;
mod done;
mod error;
mod events;
mod guard;
mod letters;
mod openapi;
mod orders;
mod overview;
mod page;
mod place;
mod process;
mod query;
mod repair;
mod requests;
mod routes;
mod serve;
mod status;
mod tables;
mod token;
mod verify;
mod view;

pub use answers::Told;
pub use approvals::{ApprovalsQuery, ChangeView};
pub use client::{AskError, Client, Heard, Refusal};
pub use done::TableDone;
pub use error::ControlError;
pub use events::Lost;
pub use letters::{LettersAnswer, LettersBody, LettersQuery, Meant};
pub use orders::{Decide, Forget, OrderAnswer, OrderBody, Tables};
pub use overview::{Overview, SchemaOverview, Totals};
pub use place::Place;
pub use process::{Draining, Level, Process, Reload};
pub use repair::{REPAIRED_ROWS_MAX, RepairAnswer, RepairBody};
pub use routes::Run;
pub use serve::{listen, serve};
pub use tables::{NamedTable, TablePage, TablesQuery};
pub use token::Token;
pub use verify::VerifyQuery;
pub use view::{PluginView, SchemaView, SourceLogView, Status, TableView};
