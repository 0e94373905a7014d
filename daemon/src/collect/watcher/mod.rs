//! A whole host watched all the time: who is looked for is found, counted, and handed out by workload.
//!
//! In: the kernel side, `/proc`, the runtimes' state, and what a former daemon had taken in. Out: increments by
//! workload, alerts, and what could not be counted. Reads no clock.

mod close;
mod decide;
mod events;
mod explain;
mod ledger;
mod pick_up;
mod poll;
mod reach;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, BorrowedFd};

use self::tree::{Closing, Watched};
use self::trouble::Trouble;
use super::callers::Callers;
use super::discovery::Discovery;
use super::error::Error;
use super::executables::Executables;
use super::groups::Groups;
use super::newcomers::Newcomers;
use super::procfs::ProcFs;
use super::reach::{Reaches, Scans};
use super::recorder::{Recorder, TreeId};
use super::runtimes::Runtimes;
use crate::kernel::{Slot, Targets, UsedSlot};
use crate::model::{Caller, Delta, Ledger, Role, SyscallNr, Target, Timestamp, WorkloadId};

#[cfg(test)]
pub(super) use ledger::no_account;

/// Finds and follows everything that is looked for.
///
/// What ended is kept in the kernel until [`Self::learn_arguments`] and then [`Self::stored`] were called for its
/// workload, and given back at the poll after that. Call both for every workload, also for one that is not kept.
pub struct Watcher<K> {
    kernel: K,
    procfs: ProcFs,
    runtimes: Runtimes,
    discovery: Discovery,
    recorder: Recorder,
    executables: Executables,
    groups: Groups,
    callers: Callers,
    reaches: Reaches,
    trees: BTreeMap<TreeId, Watched>,
    /// Slots of processes that are not meant: given back at the next poll.
    rejected: BTreeSet<Slot>,
    /// Slots in use that nobody told of, at the poll before.
    suspects: BTreeSet<Slot>,
    /// What the kernel says of the slots that are recorded.
    used: BTreeMap<Slot, UsedSlot>,
    alerts: Vec<Alert>,
    /// Under which ids alerts were sent of programs that are no such workloads after all.
    passed: BTreeSet<WorkloadId>,
    trouble: Trouble,
    own_process: Option<u32>,
    /// The time of the poll before.
    polled: Timestamp,
}

/// A call that is watched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// When it was made.
    pub time: Timestamp,
    /// By whose target.
    pub workload: WorkloadId,
    /// Whether that is a workload: else it is too young, or its folder too temporary, and it may never be one.
    pub is_workload: bool,
    /// In which role.
    pub role: Role,
    /// Which call.
    pub nr: SyscallNr,
    /// Its argument registers, in their order.
    pub arguments: [u64; 6],
}

/// A call of which it is known by now who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// By whose target.
    pub workload: WorkloadId,
    /// Which call.
    pub nr: SyscallNr,
    /// Who made it, and when.
    pub caller: Caller,
}

/// What came of the events that waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// Whether no more wait: else somebody else should have a turn first.
    pub all_taken: bool,
    /// Calls that are watched for, the oldest first.
    pub alerts: Vec<Alert>,
}

/// What happened since the poll before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Poll {
    /// What is new, by workload; none for a workload of which nothing is.
    pub deltas: Vec<Delta>,
    /// What could not be counted, by reason: totals since the kernel side was loaded, and for what this side lost
    /// since this watcher was made.
    pub losses: BTreeMap<String, u64>,
    /// What failed since the poll before; the rest went on. Bounded.
    pub failures: Vec<String>,
    /// Programs that ended too early, or in too temporary a place, to make a workload: since this watcher was made.
    pub passed_over: u64,
    /// What became of scans of binaries, since this watcher was made.
    pub scans: Scans,
    /// Ids that alerts named before they were workloads, whose programs are over or have become others: what was
    /// told of them will not be counted any more.
    pub passed: BTreeSet<WorkloadId>,
    /// Who made calls, as far as that was found out since the poll before: it takes a thread a while. Deltas have the
    /// same of workloads, without those that a role is known to have already.
    pub called: Vec<Called>,
}

impl<K: Targets> Watcher<K> {
    /// Goes on where a former daemon stopped, if its ledgers are of the same load of the kernel side, and then picks
    /// up everything that is meant and runs already.
    pub fn new(
        kernel: K,
        procfs: ProcFs,
        runtimes: Runtimes,
        discovery: Discovery,
        ledgers: Vec<(WorkloadId, Ledger)>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let own_process = procfs.own_process();
        let callers = Callers::new(procfs.another_inspector());
        let reaches = Reaches::new(procfs.idle_inspector());
        let mut watcher = Self {
            kernel,
            procfs,
            runtimes,
            discovery,
            recorder: Recorder::new(now),
            executables: Executables::default(),
            groups: Groups::seldom(),
            callers,
            reaches,
            trees: BTreeMap::new(),
            rejected: BTreeSet::new(),
            suspects: BTreeSet::new(),
            used: BTreeMap::new(),
            alerts: Vec::new(),
            passed: BTreeSet::new(),
            trouble: Trouble::default(),
            own_process,
            polled: now,
        };
        watcher.trouble.note_kernel(watcher.kernel.losses());
        watcher.restore(ledgers);
        // Taken before the events: what is in use then is told of by one of them, or by nothing.
        let used = watcher.kernel.used_slots();
        while !watcher.drain() {}
        let unknown = watcher.unknown(&used);
        watcher.explain(&used, &unknown, now)?;
        watcher.pick_up(now)?;
        Ok(watcher)
    }

    /// Looks for others from now on. What is not looked for any more is counted to now, and no further.
    pub fn rediscover(&mut self, discovery: Discovery, now: Timestamp) -> Result<(), Error> {
        self.discovery = discovery;
        self.kernel.forget_verdicts()?;
        self.dismiss_unwanted()?;
        self.pick_up(now)
    }

    /// Has an alert sent at once when a target makes one of these calls, and no others.
    pub fn alert_on(&mut self, calls: &BTreeSet<SyscallNr>) -> Result<(), Error> {
        Ok(self.kernel.alert_on(calls)?)
    }

    /// Every live target of a workload.
    pub fn targets(&self) -> Vec<Target> {
        let live = self.trees.iter().filter(|(_, tree)| tree.is_workload && tree.closing == Closing::Alive);
        live.filter_map(|(id, watched)| {
            let tree = self.recorder.tree(*id)?;
            Some(Target {
                process: tree.root,
                started: tree.life.started(),
                workload: watched.home.workload.clone(),
                executable: tree.build.path.clone(),
                is_whole: watched.is_whole,
                is_entered: matches!(tree.role, Role::Entered(_)),
                place: watched.home.place.clone(),
            })
        })
        .collect()
    }

    /// The kernel side.
    pub fn kernel(&self) -> &K {
        &self.kernel
    }

    /// Watches no longer. What is pinned goes on counting until it is detached.
    pub fn into_kernel(self) -> K {
        self.kernel
    }

    fn newcomers(&mut self, now: Timestamp) -> Newcomers<'_, K> {
        let Self { kernel, procfs, recorder, rejected, .. } = self;
        Newcomers { kernel, procfs, recorder, rejected, now }
    }
}

/// Readable when there are events that should not wait for the next poll.
impl<K: Targets> AsFd for Watcher<K> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.kernel.as_fd()
    }
}
