//! Tests of the whole product: the real binary, real components, real files, real signals.

mod crash;
mod pipeline;
