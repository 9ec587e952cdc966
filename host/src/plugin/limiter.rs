//! Memory that a guest may have. I7.
//!
//! Linear memories and tables of a Store are one charge on its plugin's account. A growth above a
//! bound fails inside the guest, as on a machine without memory. Most guests then crash, so the
//! limiter remembers the refusal for the error message.

use wasmtime::ResourceLimiter;

use super::{
    Cause,
    ledger::Charge,
    limits::{
        FUNCTION_TABLES_MAX, INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENT_BYTES, TABLE_ELEMENTS_MAX,
    },
};

pub(super) struct MemoryLimiter {
    /// What the instance may have by itself.
    bytes_max: u64,
    /// All linear memories and tables of the store together.
    held: Charge,
    /// The last growth that was allowed, in case it fails.
    granted: u64,
    /// Why the last growth was refused.
    refusal: Option<Cause>,
    ends_at_refusal: bool,
}

impl MemoryLimiter {
    /// `held` is the empty charge that grows with the guest.
    pub(super) fn new(bytes_max: u64, held: Charge) -> Self {
        Self { bytes_max, held, granted: 0, refusal: None, ends_at_refusal: false }
    }

    /// Charges what the instance costs before it has any memory.
    pub(super) fn reserve(&mut self, bytes: u64) -> Result<(), Cause> {
        if bytes > self.bytes_max {
            return Err(Cause::OutOfMemory { limit: self.bytes_max });
        }
        self.held.resize(bytes).map_err(Cause::Exhausted)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.held.amount()
    }

    /// Why a growth was refused since the last call of this.
    pub(super) fn take_refusal(&mut self) -> Option<Cause> {
        self.refusal.take()
    }

    /// Ends the instance from now on instead of letting it see that a growth was refused.
    pub(super) fn end_at_refusal(&mut self) {
        self.ends_at_refusal = true;
    }

    fn grow(&mut self, growth: u64) -> wasmtime::Result<bool> {
        let wanted = self.held.amount().saturating_add(growth);
        if wanted > self.bytes_max {
            self.refusal = Some(Cause::OutOfMemory { limit: self.bytes_max });
            return self.refuse();
        }
        if let Err(exhausted) = self.held.resize(wanted) {
            self.refusal = Some(Cause::Exhausted(exhausted));
            return self.refuse();
        }
        self.granted = growth;
        Ok(true)
    }

    fn shrink(&mut self) {
        let granted = std::mem::take(&mut self.granted);
        // Less is never refused.
        let _ = self.held.resize(self.held.amount().saturating_sub(granted));
    }

    fn refuse(&self) -> wasmtime::Result<bool> {
        wasmtime::ensure!(!self.ends_at_refusal, "it wanted more memory than it may have");
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
        self.grow(desired.saturating_sub(current) as u64)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.shrink();
        self.refuse().map(drop)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS_MAX || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let elements = desired.saturating_sub(current) as u64;
        self.grow(elements * TABLE_ELEMENT_BYTES)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.shrink();
        self.refuse().map(drop)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        FUNCTION_TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}
