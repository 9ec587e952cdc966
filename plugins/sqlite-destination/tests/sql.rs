//! What the SDK asks of every destination on an SQL database.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

cartridge_warp_sdk::sql_destination_tests!(support::File);
