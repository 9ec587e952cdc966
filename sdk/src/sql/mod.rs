//! The base of destinations that keep tables in an SQL database.
//!
//! A database differs from the next one in words: how a type is declared, how a table is looked up,
//! what an error means. What is *done* is the same for all of them and lives here: how a table is made
//! or adopted ([`adopt`]), how it follows a change of shape ([`evolve`]), how it is written down
//! ([`Stored`]), which rows fit it ([`Fit`]), and what becomes of a row that was refused
//! ([`Rejections`]). An author says the words by implementing [`Vendor`] for whatever holds an open
//! transaction, and calls the flow from the functions of [`Destination`](crate::Destination).
//!
//! How rows are written is the vendor's own: that is where one database is fast in another way than the
//! next. What has to come out of it is what
//! [`testing::sql`](crate::testing::sql) asks of every destination; ask it of yours.
//!
//! ```
//! use cartridge_warp_sdk::sql::{Existing, KeptColumn, Own, Retype, Stored, Table, Vendor};
//! use cartridge_warp_sdk::{Column, Failure, TablePlace};
//!
//! /// A database that only writes down what it is told.
//! struct Paper(std::cell::RefCell<Vec<String>>);
//!
//! impl Vendor for Paper {
//!     type Error = Failure;
//!
//!     fn schema(&self) -> &str { "shop" }
//!     fn check_name(&self, _what: &str, _name: &str) -> Result<(), Failure> { Ok(()) }
//!     fn physical(&self, place: &TablePlace) -> Result<TablePlace, Failure> { Ok(place.clone()) }
//!     fn table_sql(&self, physical: &TablePlace) -> String { self.quoted(&physical.table) }
//!     fn run(&self, sql: &str) -> Result<(), Failure> {
//!         self.0.borrow_mut().push(sql.to_owned());
//!         Ok(())
//!     }
//!     fn refusal_words(&self, _error: &Failure) -> Option<String> { None }
//!     fn existing(&self, _physical: &TablePlace) -> Result<Option<Existing>, Failure> { Ok(None) }
//!     fn load(&self, _physical: &TablePlace) -> Result<Option<Stored>, Failure> { Ok(None) }
//!     fn find(&self, _table: &str) -> Result<Option<Stored>, Failure> { Ok(None) }
//!     fn store(&self, _table: &Table, _definition: &str) -> Result<(), Failure> { Ok(()) }
//!     fn leave(&self, _table: &Table) -> Result<(), Failure> { Ok(()) }
//!     fn remove(&self, _table: &Table) -> Result<(), Failure> { Ok(()) }
//!     fn declare(&self, columns: Vec<&mut KeptColumn>) -> Result<(), Failure> {
//!         columns.into_iter().for_each(|kept| kept.declared = "TEXT".to_owned());
//!         Ok(())
//!     }
//!     fn why_unfit(&self, _column: &Column, _declared: &str) -> Option<String> { None }
//!     fn own_declaration(&self, _own: Own) -> &'static str { "TEXT" }
//!     fn own_fits(&self, _own: Own, _declared: &str) -> bool { true }
//!     fn retype(&self, _: &Table, _: &KeptColumn, _: &Column) -> Result<Retype, Failure> {
//!         Ok(Retype::Unchanged)
//!     }
//! }
//!
//! # fn main() -> Result<(), Failure> {
//! # use cartridge_warp_sdk::*;
//! let plan = TablePlan {
//!     name: "orders".to_owned(),
//!     place: None,
//!     columns: vec![Column::new("id", ColumnType::BigInt)],
//!     key: vec!["id".to_owned()],
//!     write_mode: WriteMode::Upsert,
//!     deletion: Deletion::Hard,
//! };
//! let paper = Paper(Default::default());
//! cartridge_warp_sdk::sql::adopt(&paper, &plan, false)?;
//! let made = r#"CREATE TABLE "orders" ("id" TEXT NOT NULL, PRIMARY KEY ("id"))"#;
//! assert_eq!(*paper.0.borrow(), [made]);
//! # Ok(())
//! # }
//! ```

mod adopt;
mod definition;
mod evolve;
mod existing;
mod fit;
mod indexes;
mod letters;
mod metadata;
mod numbers;
mod reading;
mod reconcile;
mod rejections;
mod schemas;
mod sweep;
mod table;
mod turns;
mod vendor;

pub use adopt::{adopt, planned};
pub use definition::Stored;
pub use evolve::evolve;
pub use existing::{Existing, ExistingColumn, Unique};
pub use fit::Fit;
pub use indexes::{index_name, lacks};
pub use letters::{LETTER_COLUMNS, LETTER_COLUMNS_ADDED, LetterSql, LetterWords, page_of};
pub use metadata::{
    DEAD_LETTERS, EMPTIED, EPOCHS, MARKERS, METADATA_SCHEMA, METADATA_TABLES, OPEN_LETTERS, TABLES,
    damaged, fingerprint, is_present, unclaimed,
};
pub use numbers::Numbers;
pub use reading::Reading;
pub use rejections::{MISSING_ROW, MISSING_ROW_WORDS, Rejections};
pub use schemas::Schemas;
pub use sweep::{drop_keys, left_over};
pub use table::{
    CREATED_AT, KeptColumn, OP, Own, SEQ, TS, Table, Tables, UNCHANGED, UPDATED_AT, VERSION,
};
pub use turns::Turns;
pub use vendor::{Retype, Vendor, kept};
