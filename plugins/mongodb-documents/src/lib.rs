//! What a MongoDB document becomes.
//!
//! [`Shape`] learns a collection's table from its documents, [`Rows`] turns documents into rows of
//! it. Nothing here talks to a server. The README beside this crate has the mapping, and says why
//! instances that saw different documents end up equal; the rules that make it so:
//!
//! * A column's name depends on its field's name alone (`name`).
//! * A column's type depends on the set of types seen, not on their order (`kinds`), and grows by
//!   the host's own rules.
//! * A scalar in a column of text or JSON reads as the host would write it from a column of its own
//!   (`scalar`, `json`).
//! * Different `_id`s never have one key (`key`).
//!
//! ```
//! use bson::{oid::ObjectId, rawdoc};
//! use cartridge_warp_sdk::Operation;
//! use mongodb_documents::{IdType, Mode, Pushed, Rows, Shape};
//!
//! let mode = Mode::Columns { max_depth: 0 };
//! let mut rows = Rows::changes(Shape::new("orders", mode, IdType::Auto));
//! let order = rawdoc! { "_id": ObjectId::new(), "total": 12.5, "lines": [{ "sku": "a" }] };
//! assert!(matches!(rows.push(Operation::Insert, &order, None)?, Pushed::Row));
//!
//! // A field that is new, or holds a type that is new, changes the table.
//! let order = rawdoc! { "_id": ObjectId::new(), "total": 7, "note": "gift" };
//! assert!(matches!(rows.push(Operation::Insert, &order, None)?, Pushed::Reshaped));
//! let first = rows.finish()?;
//! assert!(matches!(rows.push(Operation::Insert, &order, None)?, Pushed::Row));
//! assert_eq!((first.len(), rows.finish()?.columns().len()), (1, 4));
//! # Ok::<(), cartridge_warp_sdk::Failure>(())
//! ```

mod json;
mod key;
mod kinds;
mod letter;
mod mode;
mod name;
mod number;
mod rejection;
mod row;
mod rows;
mod scalar;
mod shape;

pub use bson;
pub use key::KeyForm;
pub use kinds::ORIGIN;
pub use mode::{FLATTENED_LEVELS_MAX, IdType, Mode};
pub use rows::{Change, Pushed, Rows};
pub use shape::{COLUMNS_MAX, Shape};
