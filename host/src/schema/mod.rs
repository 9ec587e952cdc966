//! Changes of a table's shape: finding them and deciding about them; and what values are, whatever their form.
//!
//! Pure: nothing here talks to a source or a destination. Applying a change is the runner's business.

mod calendar;
mod canonical;
pub mod compare;
mod condition;
pub mod convert;
pub mod fit;
pub mod identity;
pub mod rules;
mod words;

pub use calendar::far_time;
pub use canonical::{Hashed, RowHasher, is_same};
pub use compare::{
    News, TypeStep, compare, compare_whole, has_seen_key, is_first_value, merge, settled,
    type_step, without,
};
pub use condition::{Filter, Lacking, Misfit, Truth};
pub use convert::{Converted, convert, has_own_type, keeps_keys, way};
pub use fit::{fit, fits_as_it_is, printable};
pub use rules::{Policy, Strategy, Verdict, decide, decide_about_copy, is_compatible};
pub use words::type_words;
