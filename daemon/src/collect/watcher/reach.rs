//! What the binaries of workloads could ever call, handed to the roles that run them.

use std::collections::BTreeSet;

use super::Watcher;
use crate::collect::reach::{Binary, Knowledge, Subject};
use crate::kernel::{Slot, Targets};
use crate::model::{Baseline, Timestamp};

impl<K: Targets> Watcher<K> {
    /// Takes over what a baseline knows of binaries: those are not scanned again. Call it before the first poll.
    pub fn remember(&mut self, baseline: &mut Baseline) {
        self.reaches.remember(baseline);
    }

    /// Hands out what was found out since, and asks about binaries that nobody was asked about.
    pub(super) fn find_reach(&mut self, now: Timestamp) {
        if !self.reaches.is_on() {
            return;
        }
        let fresh = self.reaches.poll(now);
        self.trouble.note_unscanned(self.reaches.scans().failed);
        for (slot, subject) in self.unreached() {
            let known = fresh.get(&subject).cloned().map(Knowledge::Known);
            match known.unwrap_or_else(|| self.reaches.of(&subject, now)) {
                Knowledge::Known(reachable) => self.recorder.reaches(slot, Some(reachable)),
                Knowledge::Never => self.recorder.reaches(slot, None),
                Knowledge::Waits => {}
                Knowledge::Unasked => {
                    let binary = self.binary_of(slot);
                    self.reaches.ask(subject, binary, now);
                }
            }
        }
    }

    /// Go programs of workloads of which it is not known what they could ever call. What came in from outside teaches
    /// nothing.
    fn unreached(&self) -> Vec<(Slot, Subject)> {
        let unreached = self.recorder.unreached().filter_map(|(slot, history)| {
            let watched = self.trees.get(&history.tree).filter(|watched| watched.is_workload)?;
            let (workload, role) = (watched.home.workload.clone(), history.role.clone());
            let (path, id) = (history.build.path.clone(), history.build.id.clone());
            Some((slot, Subject { workload, role, path, id }))
        });
        unreached.collect()
    }

    /// The binary of a slot, and the root that its process has; nothing if no process is there to tell.
    fn binary_of(&self, slot: Slot) -> Option<Binary> {
        let history = self.recorder.role_of(slot)?;
        let tree = self.recorder.tree(history.tree)?;
        let process = self.member(tree.root, &tree.slots)?;
        let (root, file) =
            (self.procfs.file_system(process).ok()?, self.procfs.hold_executable(process).ok());
        // Asked afterwards: it may have executed something else meanwhile, or have ended.
        let its = self.kernel.slot_of(process).filter(|its| tree.slots.contains(its))?;
        // By its path there may be another file, and only a build's id tells.
        let file = file.filter(|_| its == slot);
        (file.is_some() || history.build.id.is_some()).then_some(Binary { file, root })
    }

    /// A process of a tree: its first one, if that is there.
    fn member(&self, first: u32, slots: &BTreeSet<Slot>) -> Option<u32> {
        let is_member = |pid: &u32| self.kernel.slot_of(*pid).is_some_and(|slot| slots.contains(&slot));
        let any = || self.procfs.processes().ok()?.into_iter().find(is_member);
        Some(first).filter(is_member).or_else(any)
    }
}
