//! Batch messages as raw bytes, after the schema they are of.
#![no_main]

use cartridge_warp_fuzz::{reading, seeds};

/// Length of the schema message, number of rows, schema message, batch message.
fn joined((schema, rows, count): (Vec<u8>, Vec<u8>, u32)) -> Vec<u8> {
    let length = (schema.len() as u16).to_le_bytes();
    [&length[..], &(count as u16).to_le_bytes(), &schema, &rows].concat()
}

libfuzzer_sys::fuzz_target!(
    init: seeds::write(seeds::messages().into_iter().map(joined)),
    |input: &[u8]| {
        let Some(([a, b, c, d], messages)) = input.split_first_chunk::<4>() else { return };
        let length = usize::from(u16::from_le_bytes([*a, *b]));
        let count = u32::from(u16::from_le_bytes([*c, *d]));
        let Some((schema, rows)) = messages.split_at_checked(length) else { return };
        let _ = reading::sdk(schema, rows, count);
        if let Some(batch) = reading::decode(schema, rows, count) {
            reading::batch(&batch);
        }
    }
);
