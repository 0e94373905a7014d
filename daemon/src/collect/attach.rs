//! Making processes targets that run already.
//!
//! In: what a recording was asked for. Out: the first trees of it; what those start is followed by the kernel side.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::error::Error;
use super::newcomers::Newcomers;
use super::select::{GroupMatch, GroupMemory};
use super::session::{Session, now};
use crate::kernel::{Kernel, Slot, Targets as _};
use crate::model::{Build, Role};

impl Session {
    /// Counts a running process and all its descendants from now on. One that is counted already, as another's
    /// descendant, stays what it is.
    pub fn attach(&mut self, pid: u32) -> Result<(), Error> {
        self.procfs.check_process(pid)?;
        if self.kernel.slot_of(pid).is_none() {
            let slot = self.attach_root(pid)?;
            self.newcomers().track_descendants(BTreeMap::from([(pid, slot)]))?;
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
        self.newcomers().track_descendants(slots)?;
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
        let life = self.newcomers().life(pid);
        let tree = self.recorder.add_tree(pid, slot, role, build, life);
        if self.newcomers().track(pid, slot)? {
            return Ok(slot);
        }
        self.rejected.extend(self.recorder.remove_tree(tree));
        Err(Error::EndedMeanwhile { pid })
    }

    fn newcomers(&mut self) -> Newcomers<'_, Kernel> {
        let Self { kernel, procfs, recorder, rejected, .. } = self;
        Newcomers { kernel, procfs, recorder, rejected, now: now() }
    }
}
