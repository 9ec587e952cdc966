//! Schema messages: the host's decoder, and the SDK's on the same bytes.
#![no_main]

use cartridge_warp::plugin::{decode_schema, table_schema};
use cartridge_warp_fuzz::{memory::bounded, reading::SCHEMA_BYTES_MAX, seeds};

libfuzzer_sys::fuzz_target!(
    init: seeds::write(seeds::messages().into_iter().map(|(schema, ..)| schema)),
    |message: &[u8]| {
        let _ = cartridge_warp_sdk::wire::decode_schema(message);
        let Ok(schema) = bounded(SCHEMA_BYTES_MAX, || decode_schema(message.to_vec().into())) else {
            return;
        };
        assert!(cartridge_warp_sdk::wire::decode_schema(message).is_ok(), "nobody could read it");
        let again = table_schema(schema.arrow.clone()).expect("its types were checked");
        let again = decode_schema(again.message.clone()).expect("we encoded it");
        assert_eq!(schema.arrow, again.arrow);
    }
);
