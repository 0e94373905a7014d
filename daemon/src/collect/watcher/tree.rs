//! What the watcher knows of a process tree beside what is counted of it.

use std::collections::BTreeSet;

use super::Alert;
use crate::collect::discovery::Wanted;
use crate::collect::workload::Home;
use crate::kernel::Slot;
use crate::model::Timestamp;

/// Alerts that are kept of a tree that is no workload's yet; its counts tell of more.
const MOST_WITHHELD: usize = 16;

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
    withheld: Vec<Alert>,
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
    /// Anything, by this daemon: else a former one may have told of its end.
    pub(super) news: bool,
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
    /// All that is on disk.
    Stored,
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
            told: Told { start: false, news: true, counts: Some(began), arguments: Some(began) },
            began,
            ended: None,
            is_dismissed: false,
            closing: Closing::Alive,
            kept: BTreeSet::new(),
            withheld: Vec::new(),
        }
    }

    /// Forgets that anything was told of it.
    pub(super) fn tell_again(&mut self) {
        let began = Some(self.began);
        self.told = Told { start: false, news: true, counts: began, arguments: began };
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

    /// Whether its slots may be another's.
    pub(super) fn is_over(&self) -> bool {
        self.closing >= if self.is_workload { Closing::Stored } else { Closing::Counted }
    }

    /// Keeps an alert until it is clear whether this is a workload; gives it back if it is.
    pub(super) fn withhold(&mut self, alert: Alert) -> Option<Alert> {
        if self.is_workload {
            return Some(alert);
        }
        if self.withheld.len() < MOST_WITHHELD {
            self.withheld.push(alert);
        }
        None
    }

    /// Makes it a part of its workload for good; gives back what was kept.
    pub(super) fn promote(&mut self) -> Vec<Alert> {
        self.is_workload = true;
        std::mem::take(&mut self.withheld)
    }
}
