//! Texts that many programs have in common, each in memory once.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Texts that are shared, before those that nobody else has are let go.
const MOST_TEXTS: usize = 16_384;

/// Every text that is shared.
#[derive(Debug, Default)]
pub(super) struct Texts(BTreeSet<Arc<str>>);

impl Texts {
    /// The text, as others have it too.
    pub(super) fn share(&mut self, text: &Arc<str>) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        self.0.insert(Arc::clone(text));
        Arc::clone(text)
    }

    /// Lets go of what nobody has, if there is too much.
    pub(super) fn tidy(&mut self) {
        if self.0.len() > MOST_TEXTS {
            self.0.retain(|text| Arc::strong_count(text) > 1);
        }
    }
}
