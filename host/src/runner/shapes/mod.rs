//! What tables are like at the destination, and how they become something else.

mod again;
mod announced;
mod approved;
pub mod evolve;
mod first_value;
mod foresee;
mod named;
mod new_tables;
mod places;
mod prepare;
mod renamed;
mod replace;
mod rules;
mod stored;
mod waiting;

pub use again::has_old_rows;
pub use announced::{change_shapes, remembered};
pub use evolve::Evolved;
pub use foresee::foresee_shape;
pub use named::copy_named_again;
pub use new_tables::{begins_with_copy, passes_over};
pub use places::check_places;
pub use prepare::prepare_tables;
pub use renamed::name_of_now;
pub use replace::{ask_to_drop, drop_at, drop_keys};
pub use rules::{has_other_rules, may_stay, other_rules};
#[cfg(feature = "fuzzing")]
pub use stored::StoredShape;
pub use stored::{Remembered, decided_marker, stored_shape};
pub use waiting::{Waiting, accepted, waiting};
