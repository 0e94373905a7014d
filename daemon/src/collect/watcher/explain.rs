//! Slots that are in use and that nobody told of: the event found the ring buffer full, or a former daemon read it
//! and ended before it wrote anything down. They were counted all the same.

use std::collections::{BTreeMap, BTreeSet};

use super::Watcher;
use super::tree::Watched;
use crate::collect::discovery::Candidate;
use crate::collect::error::Error;
use crate::collect::recorder::TreeId;
use crate::collect::role::is_alive;
use crate::collect::workload::identify;
use crate::kernel::{Slot, Targets, UsedSlot};
use crate::model::Timestamp;

/// The processes in each slot.
type Members = BTreeMap<Slot, Vec<u32>>;

impl<K: Targets> Watcher<K> {
    /// If events were lost, finds what they would have told of. A slot is suspect at one poll, and believed to be
    /// without an event at the next: it may only just have been given out.
    pub(super) fn look_for_unknown(&mut self, lost_events: bool, now: Timestamp) -> Result<(), Error> {
        if !lost_events && self.suspects.is_empty() {
            return Ok(());
        }
        let used = self.kernel.used_slots();
        let unknown = self.unknown(&used);
        let again = unknown.intersection(&self.suspects).copied().collect();
        self.suspects = unknown;
        self.explain(&used, &again, now)
    }

    /// The slots in use that belong to nothing.
    pub(super) fn unknown(&self, used: &[UsedSlot]) -> BTreeSet<Slot> {
        let kept: BTreeSet<Slot> = self.trees.values().flat_map(|watched| &watched.kept).copied().collect();
        let is_known =
            |slot: Slot| self.recorder.knows(slot) || self.rejected.contains(&slot) || kept.contains(&slot);
        used.iter().map(|used| used.slot).filter(|slot| !is_known(*slot)).collect()
    }

    /// Finds out from the live processes what these slots are for, and lets go of those that nobody can explain.
    pub(super) fn explain(
        &mut self,
        used: &[UsedSlot],
        unknown: &BTreeSet<Slot>,
        now: Timestamp,
    ) -> Result<(), Error> {
        if unknown.is_empty() {
            return Ok(());
        }
        let members = self.members()?;
        let mut trees: BTreeMap<Slot, Vec<UsedSlot>> = BTreeMap::new();
        for slot in used.iter().filter(|used| unknown.contains(&used.slot)) {
            trees.entry(slot.root.unwrap_or(slot.slot)).or_default().push(*slot);
        }
        for (root, slots) in trees {
            let of_root = |used: &&UsedSlot| used.root == Some(root);
            let mut relatives =
                used.iter().filter(of_root).filter_map(|used| self.recorder.tree_of(used.slot));
            let tree = relatives.next().or_else(|| self.adopt_tree(root, &slots, &members, now));
            match tree {
                Some(tree) => self.adopt(tree, &slots, &members),
                None => self.give_up(&slots, &members),
            }
        }
        Ok(())
    }

    fn members(&self) -> Result<Members, Error> {
        let mut members = Members::new();
        for pid in self.procfs.processes().map_err(Error::Processes)? {
            if let Some(slot) = self.kernel.slot_of(pid) {
                members.entry(slot).or_default().push(pid);
            }
        }
        Ok(members)
    }

    /// A tree of which no slot is known: its oldest process says what it is.
    fn adopt_tree(
        &mut self,
        root: Slot,
        slots: &[UsedSlot],
        members: &Members,
        now: Timestamp,
    ) -> Option<TreeId> {
        let pids = slots.iter().filter_map(|used| members.get(&used.slot)).flatten();
        let oldest =
            *pids.min_by_key(|pid| self.procfs.stat(**pid).map_or(u64::MAX, |stat| stat.start_ticks))?;
        let groups = self.procfs.cgroups(oldest).ok()?;
        let build = self.build_of(oldest, &mut BTreeMap::new())?;
        let wanted = self.discovery.wants(Candidate { build: &build, groups: &groups })?;
        if self.procfs.is_of(oldest, self.own_process) || self.procfs.is_launcher(oldest, "") {
            return None;
        }
        let home = identify(&build.path, &groups, &self.runtimes);
        let role = self.role_of_newcomer(oldest, &home, &build);
        // The slot that it is in is that of its program; the tree's first one may be a wrapper's.
        let own = self
            .kernel
            .slot_of(oldest)
            .filter(|own| slots.iter().any(|used| used.slot == *own && !used.is_ending));
        let life = self.newcomers(now).life(oldest);
        let tree = self.recorder.add_tree(oldest, own.unwrap_or(root), role, build, life);
        self.trees.insert(tree, Watched::new(home, wanted, false, self.trouble.total(), life.started()));
        Some(tree)
    }

    fn adopt(&mut self, tree: TreeId, slots: &[UsedSlot], members: &Members) {
        let relative = self.recorder.tree(tree).and_then(|tree| tree.slots.first().copied());
        let Some(relative) = relative else { return };
        // An ending slot is that of a role: those come first.
        let (ending, others): (Vec<&UsedSlot>, _) = slots.iter().partition(|used| used.is_ending);
        for used in others.into_iter().filter(|used| !self.recorder.knows(used.slot)).collect::<Vec<_>>() {
            let member = members.get(&used.slot).and_then(|pids| pids.first());
            if member.is_none() && used.root == Some(used.slot) {
                // What its tree is known by: it began with a launcher.
                if let Some(watched) = self.trees.get_mut(&tree) {
                    watched.kept.insert(used.slot);
                }
                continue;
            }
            match member.and_then(|pid| self.build_of(*pid, &mut BTreeMap::new())) {
                Some(build) => self.recorder.add_child(used.slot, relative, build),
                // Whose calls these are can't be told; they are under the same filter.
                None => self.recorder.add_child(used.slot, relative, crate::model::Build::default()),
            }
        }
        for used in ending.into_iter().filter(|used| !self.recorder.knows(used.slot)).collect::<Vec<_>>() {
            self.recorder.add_ending(used.slot, relative);
        }
    }

    /// Has these slots given back. What they hold is lost, unless they were let go of before: then nobody is in them
    /// who left without a word, or their file is ignored, or there is nothing in them.
    fn give_up(&mut self, slots: &[UsedSlot], members: &Members) {
        let is_empty = |slot: &Slot| members.get(slot).is_none_or(Vec::is_empty);
        let empty: BTreeSet<Slot> = slots.iter().map(|used| used.slot).filter(is_empty).collect();
        let ignored = if empty.is_empty() { Ok(BTreeSet::new()) } else { self.kernel.ignored(&empty) };
        let ignored = ignored.unwrap_or_else(|error| {
            self.trouble.failed("verdicts", &error.into());
            BTreeSet::new()
        });
        for slot in empty.difference(&ignored).filter(|slot| !is_alive(self.kernel.state(**slot))) {
            if self.kernel.counts(*slot).is_ok_and(|row| row.iter().next().is_some()) {
                self.trouble.lost("unexplained");
            }
        }
        for used in slots {
            for pid in members.get(&used.slot).into_iter().flatten() {
                self.reject(*pid, used.slot);
            }
            self.rejected.insert(used.slot);
        }
    }
}
