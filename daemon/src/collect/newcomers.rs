//! Making a process that runs already a target, whoever asks for it.
//!
//! It may end, fork and execute while it is looked at: a process is only believed if it still lives after it was
//! made a target, and what it forks from then on is followed by the kernel side.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::Error;
use super::life::Life;
use super::procfs::{ProcFs, Stat};
use super::recorder::Recorder;
use crate::kernel::{Slot, Targets};
use crate::model::{Build, Timestamp};

/// What is needed to make processes targets.
pub(super) struct Newcomers<'a, K> {
    pub(super) kernel: &'a mut K,
    pub(super) procfs: &'a ProcFs,
    pub(super) recorder: &'a mut Recorder,
    pub(super) now: Timestamp,
}

impl<K: Targets> Newcomers<'_, K> {
    /// Makes a process a target; says whether it still lived then. One that ended before would leave its id
    /// behind for whoever gets it next.
    pub(super) fn track(&mut self, pid: u32, slot: Slot) -> Result<bool, Error> {
        let held = self.procfs.hold(pid).map_err(|source| Error::Proc { what: "descriptor", pid, source })?;
        let Some(held) = held else { return Ok(false) };
        self.kernel.track(pid, slot);
        if !held.is_alive() {
            self.kernel.undo_track(pid, slot);
            return Ok(false);
        }
        // Notes what the process is in the middle of: that is entered never again.
        let calls = self.procfs.in_flight(pid).unwrap_or_default();
        self.recorder.in_flight(slot, &calls, self.now);
        Ok(true)
    }

    /// Makes the descendants of targets targets too, until a whole look finds no new one.
    pub(super) fn track_descendants(&mut self, mut slots: BTreeMap<u32, Slot>) -> Result<(), Error> {
        loop {
            let parents = self.procfs.parents().map_err(Error::Processes)?;
            let is_new = |(pid, parent): &(&u32, &u32)| {
                slots.contains_key(parent) && !slots.contains_key(pid) && self.kernel.slot_of(**pid).is_none()
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

    fn track_child(&mut self, pid: u32, parent: Slot) -> Result<Slot, Error> {
        let build = self.procfs.build(pid).unwrap_or_default();
        let slot = match self.recorder.slot_of(parent, &build) {
            Some(slot) => slot,
            None => self.new_role(parent, build)?,
        };
        // One that has ended meanwhile has no more to say.
        self.track(pid, slot)?;
        Ok(slot)
    }

    fn new_role(&mut self, parent: Slot, build: Build) -> Result<Slot, Error> {
        let slot = self.kernel.take_slot()?;
        self.recorder.add_child(slot, parent, build);
        Ok(slot)
    }

    /// The life of a process that runs already: it began when the process did, as nobody knows of a later exec.
    pub(super) fn life(&self, pid: u32) -> Life {
        let age = |stat: Stat| Some(self.procfs.uptime().ok()?.saturating_sub(stat.start()));
        let age = self.procfs.stat(pid).ok().and_then(age).unwrap_or(Duration::MAX);
        Life::new(self.now.before(age))
    }
}
