//! How big the file is once its aliases are followed.
//!
//! A short file can stand for gigabytes (`*a` inside `*b` inside …, or one long list a thousand
//! times), so this is counted before anything is built (I7).

use std::collections::BTreeMap;

use saphyr_parser::Event;

/// Some thousand tables with ten keys each.
pub(super) const VALUES_MAX: usize = 50_000;

/// What the text of all values may come to: some times the size a file may have.
const BYTES_MAX: usize = 4 << 20;

#[derive(Clone, Copy, Default)]
struct Size {
    values: usize,
    bytes: usize,
}

/// The count so far.
#[derive(Default)]
pub(super) struct Expansion {
    total: Size,
    /// Maps and lists being read: their anchor, and the total where they began.
    open: Vec<(usize, Size)>,
    anchors: BTreeMap<usize, Size>,
}

impl Expansion {
    /// Counts an event; `false` once it is too much.
    pub(super) fn count(&mut self, event: &Event<'_>) -> bool {
        let before = self.total;
        match event {
            Event::Scalar(text, _, anchor, _) => {
                self.add(Size { values: 1, bytes: text.len() });
                self.anchors.insert(*anchor, Size { values: 1, bytes: text.len() });
            }
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                self.open.push((*anchor, before));
                self.add(Size { values: 1, bytes: 0 });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some((anchor, start)) = self.open.pop() {
                    let values = self.total.values - start.values;
                    let bytes = self.total.bytes - start.bytes;
                    self.anchors.insert(anchor, Size { values, bytes });
                }
            }
            Event::Alias(anchor) => {
                // An alias inside its own anchor has no size yet; reading the values refuses it.
                self.add(self.anchors.get(anchor).copied().unwrap_or_default());
            }
            _ => {}
        }
        self.total.values <= VALUES_MAX && self.total.bytes <= BYTES_MAX
    }

    fn add(&mut self, size: Size) {
        self.total.values = self.total.values.saturating_add(size.values);
        self.total.bytes = self.total.bytes.saturating_add(size.bytes);
    }
}
