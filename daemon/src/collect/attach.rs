//! Making processes targets that run already.
//!
//! They may end, fork and execute while they are looked at: a process is only believed if it still lives after
//! it was made a target, and what it forks from then on is followed by the kernel side.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use super::error::Error;
use super::life::Life;
use super::procfs::Stat;
use super::select::{GroupMatch, GroupMemory};
use super::session::{Session, now};
use crate::kernel::Slot;
use crate::model::{Build, Role, Timestamp};
use crate::sys;

impl Session {
    /// Counts a running process and all its descendants from now on. One that is counted already, as another's
    /// descendant, stays what it is.
    pub fn attach(&mut self, pid: u32) -> Result<(), Error> {
        self.procfs.check_process(pid)?;
        if self.kernel.slot_of(pid).is_none() {
            let slot = self.attach_root(pid)?;
            self.attach_descendants(BTreeMap::from([(pid, slot)]))?;
        }
        Ok(())
    }

    /// Counts every process of a control group, those that come later included.
    pub fn attach_group(&mut self, group: GroupMatch) -> Result<usize, Error> {
        self.group = Some(GroupMemory::new(group));
        let roots = self.group_roots()?;
        let mut slots = BTreeMap::new();
        for pid in roots {
            match self.attach_root(pid) {
                Ok(slot) => drop(slots.insert(pid, slot)),
                Err(Error::EndedMeanwhile { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let found = slots.len();
        self.attach_descendants(slots)?;
        Ok(found)
    }

    /// The group's processes whose parents are not in it, the oldest first.
    fn group_roots(&mut self) -> Result<Vec<u32>, Error> {
        let parents = self.procfs.parents().map_err(Error::Processes)?;
        let mut members = BTreeSet::new();
        for pid in parents.keys() {
            let memory = self.group.as_mut();
            if memory.is_some_and(|memory| memory.matches_running(&self.procfs, *pid) == Some(true)) {
                members.insert(*pid);
            }
        }
        let is_root = |pid: &u32| !members.contains(&parents[pid]) && self.procfs.check_process(*pid).is_ok();
        let mut roots: Vec<u32> = members.iter().copied().filter(is_root).collect();
        roots.sort_by_key(|pid| self.procfs.stat(*pid).map_or(u64::MAX, |stat| stat.start_ticks));
        Ok(roots)
    }

    /// Who comes while the service runs, and is no child of it, came in from outside; but into a unit only
    /// systemd brings anyone: its other commands (`ExecReload=`), which are under the same filter.
    pub(super) fn role_of_newcomer(&self, build: &Build) -> Role {
        match &self.group {
            Some(_) if !self.has_live_main() => Role::Main,
            Some(memory) if memory.is_unit() => Role::Child(build.file_name()),
            Some(_) => Role::Entered(build.file_name()),
            // Processes that were named one by one are all meant.
            None => Role::Main,
        }
    }

    fn attach_root(&mut self, pid: u32) -> Result<Slot, Error> {
        let build = self.procfs.build(pid).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::EndedMeanwhile { pid },
            _ => Error::Proc { what: "executable", pid, source },
        })?;
        let role = self.role_of_newcomer(&build);
        let slot = self.kernel.take_slot()?;
        let life = self.life(pid, now());
        self.recorder.add_tree(pid, slot, role, build, life);
        if self.track(pid, slot)? { Ok(slot) } else { Err(Error::EndedMeanwhile { pid }) }
    }

    /// Finds descendants until a whole look finds no new one.
    fn attach_descendants(&mut self, mut slots: BTreeMap<u32, Slot>) -> Result<(), Error> {
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
                slots.insert(pid, self.attach_child(pid, parent)?);
            }
        }
    }

    fn attach_child(&mut self, pid: u32, parent: Slot) -> Result<Slot, Error> {
        let build = self.procfs.build(pid).unwrap_or_default();
        let slot = if let Some(slot) = self.recorder.slot_of(parent, &build) {
            slot
        } else {
            let slot = self.kernel.take_slot()?;
            self.recorder.add_child(slot, parent, build);
            slot
        };
        // One that has ended meanwhile has no more to say.
        self.track(pid, slot)?;
        Ok(slot)
    }

    /// Makes a process a target; says whether it still lived then. One that ended before would leave its id
    /// behind for whoever gets it next.
    fn track(&mut self, pid: u32, slot: Slot) -> Result<bool, Error> {
        let Some(pidfd) = sys::pidfd_open(pid).map(Some).or_else(|source| match source.raw_os_error() {
            Some(libc::ESRCH) => Ok(None),
            _ => Err(Error::Proc { what: "descriptor", pid, source }),
        })?
        else {
            return Ok(false);
        };
        self.kernel.track(pid, slot);
        if !sys::pidfd_is_alive(&pidfd) {
            self.kernel.undo_track(pid, slot);
            return Ok(false);
        }
        self.note_in_flight(pid, slot);
        Ok(true)
    }

    /// Notes what the process is in the middle of: that is entered never again.
    fn note_in_flight(&mut self, pid: u32, slot: Slot) {
        let calls = self.procfs.in_flight(pid).unwrap_or_default();
        self.recorder.in_flight(slot, &calls, now());
    }

    fn life(&self, pid: u32, now: Timestamp) -> Life {
        let age = |stat: Stat| Some(self.procfs.uptime().ok()?.saturating_sub(stat.start()));
        let age = self.procfs.stat(pid).ok().and_then(age).unwrap_or(Duration::MAX);
        Life::new(now.before(age))
    }
}
