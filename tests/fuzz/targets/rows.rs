//! Batches that are made, encoded and damaged, then shaped as the runner does.
#![no_main]

use cartridge_warp_fuzz::{batches::Input, reading, tables};

libfuzzer_sys::fuzz_target!(|input: Input| {
    let Some(whole) = input.batch() else { return };
    let mut rows = whole.rows.to_vec();
    input.damage.iter().for_each(|damage| damage.apply(&mut rows));
    let count = input.announced.unwrap_or(whole.row_count() as u32);
    let _ = reading::sdk(&whole.schema.message, &rows, count);
    if let Some(batch) = reading::decode(&whole.schema.message, &rows, count) {
        reading::batch(&batch);
        tables::shaped(&batch, &input.known());
    }
});
