//! Memory that a guest may have. I7.
//!
//! A growth above the limit fails inside the guest, as on a machine without memory. Most guests
//! then crash, so the limiter remembers the refusal for the error message.

use wasmtime::ResourceLimiter;

use super::limits::{INSTANCES_MAX, TABLE_ELEMENTS_MAX};

pub(super) struct MemoryLimiter {
    bytes_max: u64,
    /// All linear memories of the store together.
    bytes: u64,
    /// The last growth that was allowed, in case it fails.
    granted: u64,
    refused: bool,
    ends_at_refusal: bool,
}

impl MemoryLimiter {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, bytes: 0, granted: 0, refused: false, ends_at_refusal: false }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Ends the instance from now on instead of letting it see that a growth was refused.
    pub(super) fn end_at_refusal(&mut self) {
        self.ends_at_refusal = true;
    }

    /// True when a growth was refused since the last call of this.
    pub(super) fn take_refusal(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }
}

impl MemoryLimiter {
    fn refuse(&self) -> wasmtime::Result<bool> {
        wasmtime::ensure!(
            !self.ends_at_refusal,
            "it wanted more memory or tables than it may have"
        );
        Ok(false)
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let growth = desired.saturating_sub(current) as u64;
        let wanted = self.bytes.saturating_add(growth);
        if wanted > self.bytes_max {
            self.refused = true;
            return self.refuse();
        }
        self.bytes = wanted;
        self.granted = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.bytes = self.bytes.saturating_sub(std::mem::take(&mut self.granted));
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if desired > TABLE_ELEMENTS_MAX { self.refuse() } else { Ok(true) }
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        INSTANCES_MAX
    }
}
