//! Tests of the whole product: the real binary, real components, real files, real signals.

mod bad_input;
mod crash;
mod pipeline;
mod reaction;
