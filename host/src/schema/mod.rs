//! Changes of a table's shape: finding them and deciding about them.
//!
//! Pure: nothing here talks to a source or a destination. Applying a change is the runner's business.

pub mod compare;
pub mod rules;

pub use compare::{TypeStep, compare, merge, type_step};
pub use rules::{Policy, Strategy, Verdict, decide, is_compatible};
