//! What runs already when the watcher is made, or when others are looked for.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use super::Watcher;
use super::tree::Watched;
use crate::collect::discovery::{Candidate, Wanted};
use crate::collect::error::Error;
use crate::collect::workload::{Home, identify};
use crate::kernel::{Slot, Targets};
use crate::model::{Build, Timestamp};

/// A process that is meant.
struct Meant {
    build: Build,
    home: Home,
    wanted: Wanted,
}

/// Files that were looked at during one look at all processes, by device and inode: those can't change while the
/// processes run.
type LookedAt = BTreeMap<(u64, u64), Build>;

impl<K: Targets> Watcher<K> {
    /// Makes everything a target that is meant and is none yet, with all that descends from it.
    pub(super) fn pick_up(&mut self, now: Timestamp) -> Result<(), Error> {
        let parents = self.procfs.parents().map_err(Error::Processes)?;
        self.check_ids();
        let (mut meant, mut looked_at) = (BTreeMap::new(), LookedAt::new());
        for pid in parents.keys() {
            if !self.procfs.is_of(*pid, self.own_process)
                && self.kernel.slot_of(*pid).is_none()
                && let Some(found) = self.meant(*pid, &mut looked_at)
            {
                meant.insert(*pid, found);
            }
        }
        let mut slots = BTreeMap::new();
        for pid in self.roots(&meant, &parents) {
            let Some(found) = meant.remove(&pid) else { continue };
            match self.attach_root(pid, found, now) {
                Ok(slot) => slots.extend(slot.map(|slot| (pid, slot))),
                Err(error) => self.trouble.failed("unattached", &error),
            }
        }
        // A process that was forked while its parent was not yet a target.
        let known = parents.keys().filter_map(|pid| Some((*pid, self.kernel.slot_of(*pid)?)));
        let known: BTreeMap<_, _> = known.filter(|(_, slot)| self.recorder.knows(*slot)).collect();
        slots.extend(known);
        if let Err(error) = self.newcomers(now).track_descendants(slots) {
            self.trouble.failed("unattached", &error);
        }
        Ok(())
    }

    /// An id that nobody has is told of, and nothing else suffers.
    fn check_ids(&mut self) {
        for pid in self.discovery.pids.clone() {
            if let Err(error) = self.procfs.check_process(pid) {
                self.trouble.failed("unattached", &error);
            }
        }
    }

    fn meant(&mut self, pid: u32, looked_at: &mut LookedAt) -> Option<Meant> {
        let build = self.build_of(pid, looked_at)?;
        let groups = self.procfs.cgroups(pid).ok()?;
        let named = self.discovery.pids.contains(&pid).then_some(Wanted::ByName);
        let wanted = named.or_else(|| self.discovery.wants(Candidate { build: &build, groups: &groups }))?;
        // A launcher will execute what is meant, and is looked at then.
        if named.is_none() && self.procfs.is_launcher(pid, "") {
            return None;
        }
        let home = identify(&build.path, &groups, &self.runtimes);
        let is_left_out = self.has_no_slot_for(&home, wanted, &build.path);
        (!is_left_out).then_some(Meant { build, home, wanted })
    }

    /// Describes the file of a running process; nothing for kernel threads, and for what has ended.
    pub(super) fn build_of(&mut self, pid: u32, looked_at: &mut LookedAt) -> Option<Build> {
        let executable = self.procfs.executable(pid).ok()?;
        let file = fs::metadata(&executable.link).ok().map(|file| (file.dev(), file.ino()));
        if let Some(known) = file.and_then(|file| looked_at.get(&file)) {
            return Some(Build { path: executable.path, ..known.clone() });
        }
        match self.procfs.inspect(&executable.link, executable.path.clone()) {
            Ok(build) => {
                looked_at.extend(file.map(|file| (file, build.clone())));
                Some(build)
            }
            // Who is named by its path or group is counted all the same.
            Err(source) => self.cannot_read(pid, source).then(|| executable.unread()),
        }
    }

    /// Those of which no ancestor is meant or counted, the oldest first: the others are their descendants.
    fn roots(&self, meant: &BTreeMap<u32, Meant>, parents: &BTreeMap<u32, u32>) -> Vec<u32> {
        // Of a slot that is not known yet, the event may say that nobody in it is meant.
        let is_counted = |pid| self.kernel.slot_of(pid).is_some_and(|slot| self.recorder.knows(slot));
        let is_taken = |pid: u32| meant.contains_key(&pid) || is_counted(pid);
        let is_root = |pid: &u32| {
            let (mut ancestor, mut left) = (parents.get(pid), parents.len());
            while let Some(next) = ancestor.filter(|_| left > 0) {
                if is_taken(*next) {
                    return false;
                }
                (ancestor, left) = (parents.get(next), left - 1);
            }
            true
        };
        let mut roots: Vec<u32> = meant.keys().copied().filter(is_root).collect();
        roots.sort_by_key(|pid| self.procfs.stat(*pid).map_or(u64::MAX, |stat| stat.start_ticks));
        roots
    }

    fn attach_root(&mut self, pid: u32, meant: Meant, now: Timestamp) -> Result<Option<Slot>, Error> {
        let Meant { build, home, wanted } = meant;
        let role = self.role_of_newcomer(pid, &home, &build);
        let slot = self.kernel.take_slot()?;
        let mut newcomers = self.newcomers(now);
        let life = newcomers.life(pid);
        let tree = newcomers.recorder.add_tree(pid, slot, role, build, life);
        let is_tracked = newcomers.track(pid, slot);
        if !matches!(is_tracked, Ok(true)) {
            self.rejected.extend(self.recorder.remove_tree(tree));
            return is_tracked.map(|_| None);
        }
        self.trees.insert(tree, Watched::new(home, wanted, false, self.trouble.total(), now));
        Ok(Some(slot))
    }
}
