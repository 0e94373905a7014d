//! Letting go: of what is over, of what is not meant, and of what is not looked for any more.

use std::collections::BTreeSet;

use super::Watcher;
use crate::collect::discovery::Candidate;
use crate::collect::error::Error;
use crate::collect::recorder::{Tree, TreeId};
use crate::collect::role::is_alive;
use crate::kernel::{Slot, Targets};

impl<K: Targets> Watcher<K> {
    /// Watches trees no longer.
    pub(super) fn let_go(&mut self, trees: Vec<TreeId>) {
        for id in trees {
            let Some(watched) = self.trees.remove(&id) else { continue };
            self.trouble.passed_over += u64::from(!watched.is_workload && !watched.is_dismissed);
            let slots = self.recorder.remove_tree(id);
            self.rejected.extend(slots.into_iter().chain(watched.kept.iter().copied()));
            self.passed.extend(watched.into_passed());
        }
    }

    /// Gives slots back that are nobody's any more, those of `due` that still are not.
    pub(super) fn give_back(&mut self, due: &BTreeSet<Slot>) {
        // What was let go of since had its quarantine as a tree.
        let fresh = self.rejected.difference(due).copied();
        let over = fresh.filter(|slot| self.used.contains_key(slot) && !is_alive(self.kernel.state(*slot)));
        let slots: BTreeSet<Slot> = over.chain(due.intersection(&self.rejected).copied()).collect();
        if slots.is_empty() {
            return;
        }
        match self.kernel.give_back(&slots) {
            Ok(left) => {
                for slot in slots.difference(&left) {
                    self.rejected.remove(slot);
                    self.used.remove(slot);
                }
            }
            Err(error) => self.trouble.failed("not_given_back", &error.into()),
        }
    }

    /// Lets go of the trees that the discovery names no more. They are counted to their last call before now.
    pub(super) fn dismiss_unwanted(&mut self) -> Result<(), Error> {
        let mut dismissed = BTreeSet::new();
        for (id, watched) in &mut self.trees {
            let Some(tree) = self.recorder.tree(*id) else { continue };
            let groups = self.procfs.cgroups(tree.root).unwrap_or_default();
            let is_named = self.discovery.pids.contains(&tree.root);
            if is_named || self.discovery.wants(Candidate { build: &tree.build, groups: &groups }).is_some() {
                continue;
            }
            watched.is_dismissed = true;
            dismissed.extend(tree.slots.iter().copied());
        }
        for pid in self.procfs.processes().map_err(Error::Processes)? {
            if self.kernel.slot_of(pid).is_some_and(|slot| dismissed.contains(&slot)) {
                self.kernel.untrack(pid);
            }
        }
        Ok(())
    }

    /// Whether any process of a tree is left.
    pub(super) fn is_alive(&self, tree: &Tree) -> bool {
        tree.slots.iter().any(|slot| is_alive(self.kernel.state(*slot)))
    }
}
