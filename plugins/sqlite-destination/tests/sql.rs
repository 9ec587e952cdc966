//! What the SDK asks of every destination on an SQL database.

mod support;

cartridge_warp_sdk::sql_destination_tests!(support::File);
