//! How components are compiled and run.

/// The only place that decides how components are compiled, here and in a compiler's process; the
/// compile cache's key covers it.
pub(super) fn configuration() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .wasm_component_model(true)
        .strategy(wasmtime::Strategy::Cranelift)
        .cranelift_opt_level(wasmtime::OptLevel::Speed)
        // Epochs cost 5–20 %, fuel 25–30 %.
        .epoch_interruption(true)
        // One component answers alike on every machine, also where it computes with what is no number.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // Halves the price of a call; we call one guest function at a time anyway.
        .concurrency_support(false);
    config
}
