//! Which processes a recording is about.

use std::collections::BTreeMap;

use super::cgroup::{container_id, is_generated_id};
use super::groups::{GroupPath, Groups, MOST_GROUPS};
use super::procfs::{Membership, ProcFs};
use crate::model::Timestamp;

/// What a recording was asked to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These processes and their descendants.
    Processes(Vec<u32>),
    /// Everything in a control group.
    Group(GroupMatch),
}

/// How a control group is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupMatch {
    /// By its path below the root of its hierarchy, as in `/proc/PID/cgroup`.
    Path(String),
    /// By a systemd unit: the group that bears its name, wherever it lies.
    Unit(String),
    /// By a container's id, or its beginning.
    Container(String),
}

/// The shortest beginning of an id that is taken for one; the tools print 12 or 13 characters.
const SHORTEST_ID: usize = 4;

impl GroupMatch {
    /// Whether a process with these control groups is meant.
    pub fn matches<'a>(&self, groups: impl IntoIterator<Item = &'a str>) -> bool {
        groups.into_iter().any(|path| match self {
            Self::Path(wanted) => is_at_or_below(path, wanted),
            Self::Unit(unit) => path.split('/').any(|part| part == unit),
            Self::Container(id) => path.split('/').any(|part| is_container(part, id)),
        })
    }
}

/// A [`GroupMatch`] that remembers groups of version 2 by their number, for processes that have ended before
/// anyone could ask `/proc` about them.
#[derive(Debug)]
pub(super) struct GroupMemory {
    group: GroupMatch,
    known: BTreeMap<u64, Known>,
    groups: Groups,
}

/// What is known of all processes that were in one group of version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Meant,
    NotMeant,
    /// Some were and some were not, by a hierarchy of version 1: the number tells nothing.
    Mixed,
}

impl GroupMemory {
    /// A memory of nothing yet.
    pub(super) fn new(group: GroupMatch) -> Self {
        Self { group, known: BTreeMap::new(), groups: Groups::default() }
    }

    /// Whether a process that was in group `number` at the time of its exec is meant; nothing if nobody can tell any
    /// more.
    pub(super) fn matches(
        &mut self,
        procfs: &ProcFs,
        tgid: u32,
        number: u64,
        time: Timestamp,
    ) -> Option<bool> {
        let Ok(groups) = procfs.cgroups(tgid) else { return self.look_up(procfs, number, time) };
        let is_meant = self.group.matches(paths(&groups));
        self.learn(number, if is_meant { Known::Meant } else { Known::NotMeant });
        Some(is_meant)
    }

    /// Whether the group is that of a systemd unit.
    pub(super) fn is_unit(&self) -> bool {
        matches!(self.group, GroupMatch::Unit(_))
    }

    /// Whether a running process is meant; nothing if it has ended.
    pub(super) fn matches_running(&mut self, procfs: &ProcFs, tgid: u32) -> Option<bool> {
        let groups = procfs.cgroups(tgid).ok()?;
        let is_meant = self.group.matches(paths(&groups));
        if groups.iter().any(|group| group.is_unified && group.path == "/")
            && let Some(number) = procfs.unified_root_number()
        {
            self.learn(number, if is_meant { Known::Meant } else { Known::NotMeant });
        }
        Some(is_meant)
    }

    fn learn(&mut self, number: u64, known: Known) {
        let is_full = self.known.len() >= MOST_GROUPS;
        match self.known.get_mut(&number) {
            Some(before) if *before != known => *before = Known::Mixed,
            None if !is_full => drop(self.known.insert(number, known)),
            _ => {}
        }
    }

    fn look_up(&mut self, procfs: &ProcFs, number: u64, time: Timestamp) -> Option<bool> {
        match self.known.get(&number) {
            Some(Known::Meant) => Some(true),
            Some(Known::NotMeant) => Some(false),
            Some(Known::Mixed) => None,
            None => {
                let is_meant = match self.groups.path(procfs, number, time) {
                    GroupPath::Known(path) => self.group.matches([path]),
                    // With all that was in it: it was no service's.
                    GroupPath::Gone => return Some(false),
                    GroupPath::Unknown => return None,
                };
                self.learn(number, if is_meant { Known::Meant } else { Known::NotMeant });
                Some(is_meant)
            }
        }
    }
}

pub(super) fn paths(groups: &[Membership]) -> impl Iterator<Item = &str> {
    groups.iter().map(|group| group.path.as_str())
}

fn is_at_or_below(path: &str, wanted: &str) -> bool {
    let wanted = wanted.trim_matches('/');
    let below = path.trim_start_matches('/').strip_prefix(wanted);
    below.is_some_and(|below| wanted.is_empty() || below.is_empty() || below.starts_with('/'))
}

fn is_container(part: &str, id: &str) -> bool {
    let part = container_id(part);
    part == id || (id.len() >= SHORTEST_ID && is_generated_id(part) && part.starts_with(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that each kind of selection takes what it names, and nothing that only looks like it.
    #[test]
    fn groups_are_matched_by_whole_parts() {
        let matches = |group: &GroupMatch, path: &str| group.matches([path]);
        let path = GroupMatch::Path("/system.slice/a.service".into());
        assert!(matches(&path, "/system.slice/a.service"));
        assert!(matches(&path, "/system.slice/a.service/child"));
        assert!(!matches(&path, "/system.slice/a.service2"));
        let unit = GroupMatch::Unit("a.service".into());
        assert!(matches(&unit, "/user.slice/user@0.service/app.slice/a.service"));
        assert!(!matches(&unit, "/system.slice/aa.service"));
    }

    /// Check that a group's number speaks for processes that are gone, unless it held both kinds.
    #[test]
    fn groups_are_remembered_unless_mixed() {
        let mut memory = GroupMemory::new(GroupMatch::Unit("a.service".into()));
        memory.learn(7, Known::Meant);
        memory.learn(8, Known::NotMeant);
        memory.learn(1, Known::NotMeant);
        memory.learn(1, Known::Meant);
        memory.learn(1, Known::Meant);
        let gone = ProcFs::at("/nonexistent".into());
        let answers = [7, 8, 1, 9].map(|number| memory.matches(&gone, 1, number, Timestamp::default()));
        assert_eq!(answers, [Some(true), Some(false), None, Some(false)]);
    }

    /// Check that container ids are found in the forms of the runtimes, whole and shortened.
    #[test]
    fn containers_are_matched_by_id() {
        let id = "0123456789abcdef".repeat(4);
        let short = GroupMatch::Container(id[..12].into());
        for path in [format!("/default/{id}"), format!("/kubepods.slice/pod1/cri-containerd-{id}.scope")] {
            assert!(short.matches([path.as_str()]), "{path}");
        }
        assert!(GroupMatch::Container("web".into()).matches(["/default/web"]));
        assert!(!GroupMatch::Container("webs".into()).matches(["/default/webserver"]));
    }
}
