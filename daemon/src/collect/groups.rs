//! Which control group of version 2 a number names, for processes that have ended before anyone could ask `/proc`.
//!
//! In: the folders of the hierarchy, and the numbers of groups with the time at which somebody was in them. Out: paths.
//! A number is never another group's while the system runs: kernfs counts them up (`fs/kernfs/dir.c`, v6.6,
//! `__kernfs_new_node`). So each path is right for good, and one look at all folders answers for every group.

use std::collections::BTreeMap;
use std::time::Duration;

use super::procfs::ProcFs;
use crate::model::Timestamp;

/// Groups that are remembered: more than any host has at once, and no endless growth.
pub(super) const MOST_GROUPS: usize = 16_384;
/// Between two looks at all folders. A group of which nothing is known then was made since the last look, and is gone
/// or may not be looked for yet.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of groups. By default, all folders are looked at whenever that may help.
#[derive(Debug, Default)]
pub(super) struct Groups {
    paths: BTreeMap<u64, String>,
    /// Of what time the last look was: every group that had somebody in it before, and was still there, is known.
    looked: Option<Timestamp>,
    pause: Duration,
}

/// An answer about a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupPath<'a> {
    /// Its path below the root of the hierarchy.
    Known(&'a str),
    /// It is gone.
    Gone,
    /// It is too soon to look for it.
    Unknown,
}

impl Groups {
    /// For who watches a whole host all the time, where many processes are gone when they are asked about: looks at
    /// all folders once a second at most.
    pub(super) fn seldom() -> Self {
        Self { pause: PAUSE, ..Self::default() }
    }

    /// The path of a group that somebody was in at this time. Looks at the folders if it has to and may.
    pub(super) fn path(&mut self, procfs: &ProcFs, number: u64, time: Timestamp) -> GroupPath<'_> {
        if !self.paths.contains_key(&number) {
            match self.looked {
                Some(looked) if time <= looked && time.until(looked) < self.pause => return GroupPath::Gone,
                Some(looked) if time > looked && looked.until(time) < self.pause => {
                    return GroupPath::Unknown;
                }
                // The first time, after the pause, or the clock was set back.
                _ => self.look(procfs, time),
            }
        }
        self.paths.get(&number).map_or(GroupPath::Gone, |path| GroupPath::Known(path))
    }

    fn look(&mut self, procfs: &ProcFs, time: Timestamp) {
        let found = procfs.unified_groups(MOST_GROUPS);
        if self.paths.len() + found.len() > MOST_GROUPS {
            self.paths.clear();
        }
        self.paths.extend(found);
        self.looked = Some(time);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_unix_nanos(millis * 1_000_000)
    }

    fn number(folder: &Path) -> u64 {
        fs::metadata(folder).unwrap().ino()
    }

    /// Check that one look answers for all groups, that a new one is looked for after a pause, and that one that is
    /// gone is still known by its path.
    #[test]
    fn groups_are_looked_for_now_and_then() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("unified");
        let service = root.join("system.slice/a.service");
        fs::create_dir_all(&service).unwrap();
        fs::create_dir_all(place.path().join("self")).unwrap();
        fs::write(place.path().join("self/mounts"), format!("none {} cgroup2 rw 0 0\n", root.display()))
            .unwrap();
        let (procfs, mut groups) = (ProcFs::at(place.path().into()), Groups::seldom());
        assert_eq!(groups.path(&procfs, u64::MAX, at(1000)), GroupPath::Gone);
        let new = root.join("new");
        fs::create_dir(&new).unwrap();
        let (service, new_one) = (number(&service), number(&new));
        assert_eq!(groups.path(&procfs, service, at(1001)), GroupPath::Known("/system.slice/a.service"));
        assert_eq!(groups.path(&procfs, number(&root), at(1001)), GroupPath::Known("/"));
        assert_eq!(groups.path(&procfs, new_one, at(1999)), GroupPath::Unknown);
        assert_eq!(
            groups.path(&procfs, new_one, at(1000)),
            GroupPath::Gone,
            "whoever was in it then had left it"
        );
        assert_eq!(groups.path(&procfs, new_one, at(2000)), GroupPath::Known("/new"));
        fs::remove_dir(&new).unwrap();
        assert_eq!(groups.path(&procfs, u64::MAX, at(3000)), GroupPath::Gone);
        assert_eq!(groups.path(&procfs, new_one, at(3000)), GroupPath::Known("/new"));
    }
}
