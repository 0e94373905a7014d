//! What fails now. A part that works again is no problem any more.

use std::collections::BTreeMap;

use crate::export::view::{Health, Problem};
use crate::model::Timestamp;

/// Whether the daemon can be called ready while a part fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// It does its work but for that.
    Partial,
    /// It does not do what it is for.
    Fatal,
}

/// Every part that fails, with since when.
#[derive(Debug, Default)]
pub(super) struct Problems {
    is_ready: bool,
    problems: BTreeMap<String, Problem>,
}

impl Problems {
    /// Counting has begun.
    pub(super) fn ready(&mut self) {
        self.is_ready = true;
    }

    /// A part fails. It is said in the log when it begins, and when it fails otherwise.
    pub(super) fn fails(&mut self, part: &str, text: String, now: Timestamp, weight: Weight) {
        let known = self.problems.get(part);
        if known.is_none_or(|known| known.text != text) {
            tracing::error!(part, "{text}");
        }
        let since = known.map_or(now, |known| known.since);
        let is_fatal = weight == Weight::Fatal;
        self.problems.insert(part.to_owned(), Problem { part: part.to_owned(), text, since, is_fatal });
    }

    /// A part works.
    pub(super) fn works(&mut self, part: &str) {
        if self.problems.remove(part).is_some() {
            tracing::info!(part, "works again");
        }
    }

    /// As it is shown.
    pub(super) fn shown(&self) -> Health {
        Health { is_ready: self.is_ready, problems: self.problems.values().cloned().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that a part is there once, with when it began to fail, and is gone when it works.
    #[test]
    fn problems_come_and_go() {
        let at = Timestamp::from_unix_nanos;
        let mut problems = Problems::default();
        problems.fails("state", "full".into(), at(1), Weight::Partial);
        problems.fails("state", "read-only".into(), at(2), Weight::Fatal);
        problems.ready();
        let health = problems.shown();
        assert!(health.is_ready);
        let shown: Vec<_> = health.problems.iter().map(|one| (&*one.text, one.since, one.is_fatal)).collect();
        assert_eq!(shown, [("read-only", at(1), true)]);
        problems.works("state");
        problems.works("state");
        assert_eq!(problems.shown().problems, []);
    }
}
