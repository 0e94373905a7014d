//! Whether a process that just executed a file is meant.

use std::io;
use std::path::Path;

use super::Watcher;
use super::events::Execution;
use super::tree::Watched;
use crate::collect::Life;
use crate::collect::discovery::{Candidate, Wanted, is_temporary};
use crate::collect::error::Error;
use crate::collect::groups::GroupPath;
use crate::collect::procfs::{Membership, path_of_file};
use crate::collect::workload::{Home, Instance, identify};
use crate::golang::GoLayout;
use crate::kernel::{Slot, Targets, Verdict};
use crate::model::{Build, Role};

/// A process has not more ancestors inside one container.
const MOST_ANCESTORS: usize = 64;

/// What is known of a file that was executed.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) build: Build,
    /// Whether the file could be read: else it may be a Go program or not.
    is_read: bool,
    /// What the path is worth.
    leads: Leads,
    /// Whether the process was seen to execute it: only then `/proc` tells of this process.
    is_running: bool,
}

/// Where the path of a file leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leads {
    /// To it, for the host.
    Here,
    /// To it, for those who have it mounted there: others may have it by another path.
    Elsewhere,
    /// Nowhere: the file has no verdict but for this process.
    Nowhere,
}

impl Found {
    /// A file that is known, and whose process is gone.
    fn gone(build: Build, leads: Leads) -> Self {
        Self { build, is_read: true, leads, is_running: false }
    }
}

impl Execution {
    /// All that is known of a program whose process and file are gone.
    pub(super) fn named(&self) -> Build {
        Build { path: self.name.clone(), ..Build::default() }
    }
}

impl<K: Targets> Watcher<K> {
    /// Says of a process that was no target before whether it is one.
    pub(super) fn decide(&mut self, execution: &Execution) {
        let Some(found) = self.look(execution) else {
            self.trouble.lost("undecided");
            return self.reject(execution.tgid, execution.slot);
        };
        let by_file = self.discovery.wants(Candidate { build: &found.build, groups: &[] });
        let groups = match by_file {
            None if self.discovery.is_by_file() => Some(Vec::new()),
            _ => self.groups(execution, &found),
        };
        let is_known = groups.is_some();
        let groups = groups.unwrap_or_default();
        let wanted = self.discovery.wants(Candidate { build: &found.build, groups: &groups });
        if wanted.is_none() && !is_known {
            self.trouble.lost("undecided");
        }
        self.tell_verdict(execution, &found, by_file);
        let path = &found.build.path;
        tracing::debug!(path, executed = %execution.time, is_wanted = wanted.is_some(), "decided");
        match wanted {
            Some(wanted)
                if !self.procfs.is_of(execution.tgid, self.own_process)
                    && !self.procfs.is_launcher(execution.tgid, &execution.name) =>
            {
                self.accept(execution, found, &groups, wanted);
            }
            _ => self.reject(execution.tgid, execution.slot),
        }
    }

    /// Looks at the file that a process executes, once per file. If the process has ended or moved on, what is
    /// known of the file serves, or the file of that name if it is the very same.
    pub(super) fn look(&mut self, execution: &Execution) -> Option<Found> {
        let Execution { tgid, slot, file, .. } = execution;
        let executable = self.procfs.executable(*tgid).ok();
        let is_running = self.kernel.slot_of(*tgid) == Some(*slot);
        let Some(executable) = executable.filter(|_| is_running) else { return self.look_gone(execution) };
        let leads = match &executable {
            executable if executable.is_nameless => Leads::Nowhere,
            executable if executable.is_ours() => Leads::Here,
            _ => Leads::Elsewhere,
        };
        if let Some(known) = self.executables.get(file) {
            let build = Build { path: executable.path, ..known.clone() };
            return Some(Found { build, is_read: true, leads, is_running });
        }
        let build = self.procfs.inspect(&executable.link, executable.path.clone());
        // It may have executed another file meanwhile.
        if self.kernel.slot_of(*tgid) != Some(*slot) {
            return self.look_gone(execution);
        }
        match build {
            Ok(build) => {
                self.executables.insert(*file, build.clone());
                Some(Found { build, is_read: true, leads, is_running })
            }
            Err(source) => self.cannot_read(*tgid, source).then(|| Found {
                build: executable.unread(),
                is_read: false,
                leads,
                is_running,
            }),
        }
    }

    /// The path by which the file is known may be one that only another process has for it.
    fn look_gone(&mut self, Execution { file, name, .. }: &Execution) -> Option<Found> {
        let (known, path) = (self.executables.get(file).cloned(), path_of_file(name, file));
        match (known, path) {
            (Some(known), Some(path)) => Some(Found::gone(Build { path, ..known }, Leads::Here)),
            (Some(known), None) => Some(Found::gone(known, Leads::Elsewhere)),
            (None, Some(path)) => {
                let build = self.procfs.inspect(Path::new(&path), path.clone()).ok()?;
                Some(Found::gone(build, Leads::Here))
            }
            (None, None) => None,
        }
    }

    /// Tells of a file that can't be read; says whether it is there, and only damaged.
    pub(super) fn cannot_read(&mut self, pid: u32, source: io::Error) -> bool {
        let is_damaged = source.kind() == io::ErrorKind::InvalidData;
        if source.kind() != io::ErrorKind::NotFound {
            let reason = if is_damaged { "unparsable" } else { "unreadable" };
            self.trouble.failed(reason, &Error::Proc { what: "executable", pid, source });
        }
        is_damaged
    }

    /// The control groups that a process executed in. Of one that is gone, the group of version 2 is known by its
    /// number; nothing if it is too soon to look for that.
    fn groups(&mut self, execution: &Execution, found: &Found) -> Option<Vec<Membership>> {
        if found.is_running
            && let Ok(groups) = self.procfs.cgroups(execution.tgid)
        {
            return Some(groups);
        }
        match self.groups.path(&self.procfs, execution.group, execution.time) {
            GroupPath::Known(path) => Some(vec![Membership { is_unified: true, path: path.to_owned() }]),
            GroupPath::Gone => Some(Vec::new()),
            GroupPath::Unknown => None,
        }
    }

    /// Has the kernel decide about the file by itself, if nothing but the file matters: not where it runs, and no
    /// path that somebody may have given it to pass for another.
    fn tell_verdict(&mut self, execution: &Execution, found: &Found, by_file: Option<Wanted>) {
        if found.leads == Leads::Nowhere || !found.is_read || is_temporary(&found.build.path) {
            return;
        }
        let is_here = found.leads == Leads::Here;
        let layout = found.build.go.as_ref().and_then(GoLayout::of);
        let target = layout.map_or(Verdict::Target, Verdict::GoTarget);
        let verdict = match by_file {
            Some(Wanted::ByKind) => target,
            Some(Wanted::ByName) if is_here => target,
            None if self.discovery.is_by_file()
                && (is_here || self.discovery.needs_no_path(&found.build)) =>
            {
                Verdict::Ignored
            }
            _ => return,
        };
        if let Err(error) = self.kernel.decide(execution.file, verdict) {
            self.trouble.failed("verdicts", &error.into());
        }
    }

    fn accept(&mut self, execution: &Execution, found: Found, groups: &[Membership], wanted: Wanted) {
        let Execution { tgid, slot, time, .. } = *execution;
        let home = identify(&found.build.path, groups, &self.runtimes);
        if self.has_no_slot_for(&home, wanted, &found.build.path) {
            return self.reject(tgid, slot);
        }
        self.rejected.remove(&slot);
        let role = self.role_of_newcomer(tgid, &home, &found.build);
        let tree = self.recorder.add_tree(tgid, slot, role, found.build, Life::new(time));
        self.trees.insert(tree, Watched::new(home, wanted, true, self.trouble.total(), time));
    }

    /// Takes a process out of a slot, if it is still in it; who it forked meanwhile follows when the slot is
    /// given back.
    pub(super) fn reject(&mut self, tgid: u32, slot: Slot) {
        if self.kernel.slot_of(tgid) == Some(slot) {
            self.kernel.untrack(tgid);
        }
        self.rejected.insert(slot);
    }

    /// The first program of a unit or container is what it is for. Into a unit only systemd brings others: its
    /// other commands (`ExecReload=`), which are under the same filter. Into a container they come from outside,
    /// unless they descend from its first process.
    pub(super) fn role_of_newcomer(&self, pid: u32, home: &Home, build: &Build) -> Role {
        let Some(instance) = &home.instance else { return Role::Main };
        let main = self.live_main(instance);
        let first = match instance {
            Instance::Unit(_) => return main.map_or(Role::Main, |_| Role::Child(build.file_name())),
            Instance::Container { first, .. } => first.or_else(|| self.first_ancestor(main?, instance)),
        };
        match first {
            None if main.is_none() => Role::Main,
            Some(first) if self.first_ancestor(pid, instance) == Some(first) => {
                main.map_or(Role::Main, |_| Role::Child(build.file_name()))
            }
            // Gone before anyone could ask where it came from.
            Some(_) if main.is_none() && self.procfs.stat(pid).is_err() => Role::Main,
            _ => Role::Entered(build.file_name()),
        }
    }

    /// Whether a program that makes no workload however long it lives would take a slot that others need. It is
    /// counted, for what it is not allowed to do, only where there are enough.
    pub(super) fn has_no_slot_for(&mut self, home: &Home, wanted: Wanted, path: &str) -> bool {
        let is_passing = home.instance.is_none() && wanted == Wanted::ByKind && is_temporary(path);
        let is_left_out = is_passing && self.kernel.is_short_of_slots();
        self.trouble.passed_over += u64::from(is_left_out);
        is_left_out
    }

    /// The live first process of what a unit or container is for.
    fn live_main(&self, instance: &Instance) -> Option<u32> {
        let is_there = |home: &Home| home.instance.as_ref().is_some_and(|there| there.is(instance));
        let there = self.trees.iter().filter(|(_, watched)| is_there(&watched.home) && !watched.is_dismissed);
        let mut mains =
            there.filter_map(|(id, _)| self.recorder.tree(*id)).filter(|tree| tree.role == Role::Main);
        mains.find(|tree| self.is_alive(tree)).map(|tree| tree.root)
    }

    /// The furthest ancestor that is in the same unit or container.
    fn first_ancestor(&self, pid: u32, instance: &Instance) -> Option<u32> {
        let mut first = pid;
        for _ in 0..MOST_ANCESTORS {
            let parent = self.procfs.stat(first).ok()?.parent;
            if parent == 0 || !self.procfs.cgroups(parent).is_ok_and(|groups| instance.holds(&groups)) {
                return Some(first);
            }
            first = parent;
        }
        None
    }
}
