//! Who a Store belongs to.

use std::sync::Arc;

use super::{Observer, Origin, Role};

/// Who a Store belongs to, for logs and metrics.
#[derive(Clone)]
pub(super) struct Identity {
    pub plugin: Arc<str>,
    pub role: Role,
    pub label: Arc<str>,
    pub instance: u64,
    pub observer: Arc<dyn Observer>,
}

impl Identity {
    pub(super) fn origin(&self) -> Origin<'_> {
        Origin { plugin: &self.plugin, role: self.role, label: &self.label }
    }
}
