//! What keeps a piece of data accounted for.

use std::{fmt, sync::Arc};

/// Something that lives as long as the data beside it: whoever counts what the data costs puts its
/// counter in. Clones share it, and it makes no difference between two pieces of data.
#[derive(Clone, Default)]
pub struct Held(Option<Arc<dyn Send + Sync>>);

impl Held {
    /// Keeps this until the last clone is gone.
    pub fn new(what: impl Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(what)))
    }
}

impl PartialEq for Held {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Held {}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Held" } else { "Free" })
    }
}
