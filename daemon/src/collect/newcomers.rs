//! Making a process that runs already a target, whoever asks for it.
//!
//! It may end, fork and execute while it is looked at: a process is only believed if it still lives after it was
//! made a target, and what it forks from then on is followed by the kernel side.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::error::Error;
use super::life::Life;
use super::procfs::{ProcFs, Stat};
use super::recorder::Recorder;
use crate::kernel::{Slot, Targets};
use crate::model::Timestamp;

/// What is needed to make processes targets.
pub(super) struct Newcomers<'a, K> {
    pub(super) kernel: &'a mut K,
    pub(super) procfs: &'a ProcFs,
    pub(super) recorder: &'a mut Recorder,
    /// Slots that are nobody's: they are given back at the next poll.
    pub(super) rejected: &'a mut BTreeSet<Slot>,
    pub(super) now: Timestamp,
}

impl<K: Targets> Newcomers<'_, K> {
    /// Makes a process a target of a slot that is recorded; says whether it is one. It is not if it ended before: it
    /// would leave its id behind for whoever gets it next. Nor if the kernel side was faster, which tells of it then.
    pub(super) fn track(&mut self, pid: u32, slot: Slot) -> Result<bool, Error> {
        let is_put = self.put(pid, slot)?;
        if is_put {
            self.note_in_flight(pid, slot);
        }
        Ok(is_put)
    }

    fn put(&mut self, pid: u32, slot: Slot) -> Result<bool, Error> {
        let held = self.procfs.hold(pid).map_err(|source| Error::Proc { what: "descriptor", pid, source })?;
        let Some(held) = held else { return Ok(false) };
        self.kernel.track(pid, slot);
        if !held.is_alive() {
            self.kernel.undo_track(pid, slot);
            return Ok(false);
        }
        Ok(match self.kernel.slot_of(pid) {
            // It ended since: that is told, if it was in the slot.
            None => self.kernel.state(slot).processes > 0,
            Some(now) => now == slot || self.is_same_tree(now, slot),
        })
    }

    /// Whether a process may have come from one slot to the other by executing a file.
    fn is_same_tree(&self, now: Slot, before: Slot) -> bool {
        let used = self.kernel.used_slots();
        let root = |slot| used.iter().find(|used| used.slot == slot).and_then(|used| used.root);
        root(now).is_some_and(|now| root(before) == Some(now))
    }

    /// Notes what a process is in the middle of: that is entered never again.
    fn note_in_flight(&mut self, pid: u32, slot: Slot) {
        let calls = self.procfs.in_flight(pid).unwrap_or_default();
        self.recorder.in_flight(slot, &calls, self.now);
    }

    /// Makes the descendants of targets targets too, until a whole look finds no new one. Those that the kernel side
    /// has in a slot of which nothing is known have just executed a file, and are no less descendants.
    pub(super) fn track_descendants(&mut self, mut slots: BTreeMap<u32, Slot>) -> Result<(), Error> {
        loop {
            let parents = self.procfs.parents().map_err(Error::Processes)?;
            let is_open = |slot| !self.recorder.knows(slot) && !self.rejected.contains(&slot);
            let is_new = |(pid, parent): &(&u32, &u32)| {
                slots.contains_key(parent)
                    && !slots.contains_key(pid)
                    && self.kernel.slot_of(**pid).is_none_or(is_open)
            };
            let found: Vec<_> =
                parents.iter().filter(is_new).map(|(pid, parent)| (*pid, slots[parent])).collect();
            if found.is_empty() {
                return Ok(());
            }
            for (pid, parent) in found {
                slots.insert(pid, self.track_child(pid, parent)?);
            }
        }
    }

    /// Gives the slot that a descendant is in; of one that has ended meanwhile, that of its parent.
    fn track_child(&mut self, pid: u32, parent: Slot) -> Result<Slot, Error> {
        let build = self.procfs.build(pid).unwrap_or_default();
        let known = self.recorder.slot_of(parent, &build);
        let slot = known.map_or_else(|| self.kernel.take_slot(), Ok)?;
        let is_put = self.put(pid, slot);
        if !matches!(is_put, Ok(true)) {
            self.rejected.extend(known.is_none().then_some(slot));
            return is_put.map(|_| self.adopt(pid, parent).unwrap_or(parent));
        }
        if known.is_none() {
            self.recorder.add_child(slot, parent, build);
        }
        self.note_in_flight(pid, slot);
        Ok(slot)
    }

    /// Records the slot that the kernel side has put a descendant into, before the event that tells of it is read.
    fn adopt(&mut self, pid: u32, parent: Slot) -> Option<Slot> {
        let slot = self.kernel.slot_of(pid).filter(|slot| !self.rejected.contains(slot))?;
        if !self.recorder.knows(slot) {
            let build = self.procfs.build(pid).unwrap_or_default();
            self.recorder.add_child(slot, parent, build);
        }
        Some(slot)
    }

    /// The life of a process that runs already: it began when the process did, as nobody knows of a later exec.
    pub(super) fn life(&self, pid: u32) -> Life {
        let age = |stat: Stat| Some(self.procfs.uptime().ok()?.saturating_sub(stat.start()));
        let age = self.procfs.stat(pid).ok().and_then(age).unwrap_or(Duration::MAX);
        Life::new(self.now.before(age))
    }
}
