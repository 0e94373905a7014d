//! What scans found, in memory once: many binaries are the same, and their packages even more so.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::collect::texts::Texts;
use crate::model::{Reachable, Reached};

/// Shared by all clones.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared(Arc<Mutex<All>>);

#[derive(Debug, Default)]
struct All {
    reachables: BTreeSet<Arc<Reachable>>,
    texts: Texts,
}

impl Shared {
    /// The same as others have it too.
    pub(super) fn share(&self, reachable: &Reachable) -> Arc<Reachable> {
        // What is shared is whole after a panic too.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.reachables.get(reachable) {
            return Arc::clone(known);
        }
        all.reachables.retain(|known| Arc::strong_count(known) > 1);
        let shared = Arc::new(all.with_shared_texts(reachable));
        all.reachables.insert(Arc::clone(&shared));
        all.texts.tidy();
        shared
    }
}

impl All {
    fn with_shared_texts(&mut self, reachable: &Reachable) -> Reachable {
        let mut reached = |reached: &Reached| {
            let packages = reached.packages.iter().map(|package| self.texts.share(package)).collect();
            Reached { packages, ..*reached }
        };
        let syscalls = reachable.syscalls.iter().map(|(nr, one)| (*nr, reached(one))).collect();
        Reachable { syscalls, limits: reachable.limits.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SyscallNr;

    fn reachable(number: u16) -> Reachable {
        let reached = Reached { packages: [Arc::from("example.com/one")].into(), ..Reached::default() };
        let syscalls = [(SyscallNr::new(number).unwrap(), reached)].into();
        Reachable { syscalls, ..Reachable::default() }
    }

    fn package(reachable: &Reachable) -> &Arc<str> {
        reachable.syscalls.values().next().unwrap().packages.first().unwrap()
    }

    /// Check that what is equal is there once, packages of what is not too, and that nothing is kept for nobody.
    #[test]
    fn equals_are_there_once() {
        let shared = Shared::default();
        let (one, same, other) =
            (shared.share(&reachable(1)), shared.share(&reachable(1)), shared.share(&reachable(2)));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        assert!(Arc::ptr_eq(package(&one), package(&other)));
        drop((one, same));
        let _third = shared.share(&reachable(3));
        assert_eq!(shared.0.lock().unwrap().reachables.len(), 2, "the first is gone");
    }
}
