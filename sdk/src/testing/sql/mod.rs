//! What is asked of every destination on an SQL database.
//!
//! Say how a database of its own is opened and looked into ([`Bench`]), and let
//! [`sql_destination_tests!`](crate::sql_destination_tests) make the tests:
//!
//! ```ignore
//! cartridge_warp_sdk::sql_destination_tests!(MyBench);
//! ```
//!
//! The questions go through the functions of [`Destination`](crate::Destination) and look at the result
//! in SQL, so they know nothing of how it comes about. What only one database has (its types, its
//! failures) is its author's to test.

mod bench;
pub mod conflicts;
pub mod epochs;
pub mod letters;
pub mod places;
pub mod retries;
pub mod rows;
pub mod shapes;
pub mod spellings;
pub mod sweeps;
mod tables;

pub use bench::{Bed, Bench, Words};
pub use tables::{append, marker, orders, rows, soft, upsert};

/// Makes a test of each question, asked of a [`Bench`](crate::testing::sql::Bench).
#[macro_export]
macro_rules! sql_destination_tests {
    ($bench:ty) => {
        $crate::sql_destination_tests! { $bench;
            conflicts: values_that_change_their_rows_are_no_dead_letters,
                values_that_cannot_be_empty_change_their_rows,
                a_row_that_is_really_in_the_way_is_the_only_dead_letter,
                what_waits_keeps_the_order_of_its_key;
            epochs: a_runner_that_lost_its_schema_writes_nothing,
                markers_are_stored_replaced_and_deleted;
            letters: refused_rows_are_kept_and_the_others_are_written,
                without_dead_letters_nothing_is_written,
                the_same_letter_again_raises_its_count,
                a_table_that_is_emptied_settles_its_letters,
                letters_are_read_back, letters_are_settled,
                an_update_that_leaves_values_out_needs_its_row,
                what_a_key_was_before_its_bad_row_stays;
            places: a_table_is_kept_where_its_plan_says,
                a_table_that_moves_leaves_what_was_there;
            retries: letters_are_tried_again, letters_have_the_keys_of_their_rows;
            rows: upserts_and_hard_deletes, soft_deletes,
                soft_deletes_leave_the_applications_columns_alone, append_keeps_every_operation,
                rows_of_logs_are_numbered_in_their_order, logs_go_on_only_where_they_are_known,
                audit_columns_count_versions,
                keys_of_several_columns_and_nothing_else,
                random_histories_end_as_if_applied_one_by_one;
            shapes: an_existing_table_gets_what_it_lacks_and_loses_nothing,
                names_of_any_kind_are_quoted,
                schema_changes_apply_once_and_repeat_without_harm,
                changes_that_would_lose_something_are_refused,
                only_exact_changes_of_a_type_are_made,
                the_first_value_of_a_column_gives_it_its_type,
                rows_for_an_unknown_table_or_column_fail;
            spellings: a_key_of_any_type_is_found_again, zeros_of_either_sign_are_one_key;
            sweeps: rows_that_are_left_over_end_at_once, a_sweep_goes_on_with_another_connection,
                soft_deletes_mark_what_is_left_over, keys_of_any_type_are_swept,
                a_table_with_other_constraints_is_not_swept;
        }
    };
    ($bench:ty; $($room:ident: $($name:ident),+;)+) => {
        $($(
            #[test]
            fn $name() {
                $crate::testing::sql::$room::$name::<$bench>();
            }
        )+)+
    };
}
