//! What a guest says: its log, its standard streams, its metrics. All of it is bounded (I7).

pub(super) mod log;
pub(super) mod metrics;
pub(super) mod stdio;
