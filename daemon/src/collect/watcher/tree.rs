//! What the watcher knows of a process tree beside what is counted of it.

use std::collections::BTreeSet;
use std::mem;

use crate::collect::discovery::Wanted;
use crate::collect::workload::Home;
use crate::kernel::Slot;
use crate::model::{Timestamp, ToldOf, WorkloadId};

/// A tree of processes that is counted.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) home: Home,
    pub(super) wanted: Wanted,
    /// Whether it was counted from its first call.
    pub(super) is_whole: bool,
    /// Everything that was lost when it started: more, and its start was not watched whole.
    pub(super) lost_before: u64,
    /// Whether it belongs to its workload for good; before, its counts stay where they are.
    pub(super) is_workload: bool,
    pub(super) told: Told,
    /// Since when it is counted.
    pub(super) began: Timestamp,
    /// When its first process ended.
    pub(super) ended: Option<End>,
    /// Whether it is not looked for any more.
    pub(super) is_dismissed: bool,
    pub(super) closing: Closing,
    /// Slots that hold nothing of it, but that the kernel side knows it by.
    pub(super) kept: BTreeSet<Slot>,
    /// As whose calls were told of before it was a workload.
    told_as: BTreeSet<WorkloadId>,
}

/// How a tree's first process ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) time: Timestamp,
    /// It was asked to, and had no word in it: the kernel ends such a process without delivering the signal.
    pub(super) is_by_request: bool,
}

/// What was told of a tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// Its start.
    pub(super) start: bool,
    /// That it ended because it was asked to.
    pub(super) shutdown: bool,
    /// Its counts, up to this time; nothing if only a former daemon knows.
    pub(super) counts: Option<Timestamp>,
    /// Its learned arguments, likewise.
    pub(super) arguments: Option<Timestamp>,
}

/// How far a tree's end has come. Each step takes a poll, a flush or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Closing {
    /// Somebody is left.
    Alive,
    /// Nobody was left at the last poll. A call may still be on its way into the counters.
    Ended,
    /// Counted to the end.
    Counted,
    /// The learned arguments are handed out too.
    HandedOut,
    /// All that is on its way to the disk.
    BeingStored,
    /// All that is on disk.
    Stored,
}

impl Told {
    /// As a ledger has it.
    pub(super) fn of(self) -> ToldOf {
        match self {
            Self { shutdown: true, .. } => ToldOf::Shutdown,
            Self { start: true, .. } => ToldOf::Start,
            _ => ToldOf::Nothing,
        }
    }

    /// Nothing of a tree that is counted since then.
    fn nothing(began: Option<Timestamp>) -> Self {
        Self { start: false, shutdown: false, counts: began, arguments: began }
    }
}

impl Watched {
    /// A tree of which nothing was told yet, and which is counted since `began`.
    pub(super) fn new(
        home: Home,
        wanted: Wanted,
        is_whole: bool,
        lost_before: u64,
        began: Timestamp,
    ) -> Self {
        let is_workload = home.instance.is_some() || wanted == Wanted::ByName;
        Self {
            home,
            wanted,
            is_whole,
            lost_before,
            is_workload,
            told: Told::nothing(Some(began)),
            began,
            ended: None,
            is_dismissed: false,
            closing: Closing::Alive,
            kept: BTreeSet::new(),
            told_as: BTreeSet::new(),
        }
    }

    /// Forgets that anything was told of it.
    pub(super) fn tell_again(&mut self) {
        self.told = Told::nothing(Some(self.began));
        // A tree that is over goes through its end once more.
        self.closing = self.closing.min(Closing::Ended);
    }

    /// Goes a step further after a poll.
    pub(super) fn advance(&mut self, is_alive: bool, has_news: bool) {
        self.closing = match self.closing {
            _ if is_alive && !self.is_dismissed => Closing::Alive,
            Closing::Alive => Closing::Ended,
            Closing::Ended => Closing::Counted,
            _ if has_news => Closing::Counted,
            later => later,
        };
    }

    /// Whether nothing but the disk is waited for.
    pub(super) fn waits_for_disk(&self) -> bool {
        matches!(self.closing, Closing::HandedOut | Closing::BeingStored)
    }

    /// Whether its slots may be another's.
    pub(super) fn is_over(&self) -> bool {
        self.closing >= if self.is_workload { Closing::Stored } else { Closing::Counted }
    }

    /// Notes that a call of it is told of; says whether it is a workload's.
    pub(super) fn alerted(&mut self) -> bool {
        if !self.is_workload {
            self.told_as.insert(self.home.workload.clone());
        }
        self.is_workload
    }

    /// Makes it a part of its workload for good; gives the ids that its calls were told of under and that are not
    /// its own.
    pub(super) fn promote(&mut self) -> BTreeSet<WorkloadId> {
        self.is_workload = true;
        let mut others = mem::take(&mut self.told_as);
        others.remove(&self.home.workload);
        others
    }

    /// The ids that its calls were told of under, if it is over and was no workload.
    pub(super) fn into_passed(self) -> BTreeSet<WorkloadId> {
        self.told_as
    }
}
