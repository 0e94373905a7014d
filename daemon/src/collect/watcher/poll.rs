//! One poll: what is new, by workload.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use super::tree::{Closing, Told, Watched};
use super::{Called, Poll, Watcher};
use crate::collect::discovery::{Wanted, is_temporary};
use crate::collect::error::Error;
use crate::collect::learned::{self, Learned};
use crate::collect::recorder::TreeId;
use crate::collect::workload::{Home, identify};
use crate::kernel::{Slot, Targets};
use crate::model::{Delta, Phase, Role, RoleObservations, Starts, Timestamp, WorkloadId};

/// Full turns of events that a poll takes in at most, before it leaves the rest for later.
const MOST_TURNS: usize = 16;

/// Increments by workload.
#[derive(Default)]
struct Deltas(BTreeMap<WorkloadId, Delta>);

impl<K: Targets> Watcher<K> {
    /// Takes in all events and a snapshot, hands out what is new, and gives back the slots of what is over.
    pub fn poll(&mut self, now: Timestamp) -> Result<Poll, Error> {
        let due = self.rejected.clone();
        self.kernel.synchronize();
        let all_taken = (0..MOST_TURNS).any(|_| self.drain());
        self.kernel.flush_log();
        let lost_events = self.trouble.note_kernel(self.kernel.losses());
        if all_taken {
            self.look_for_unknown(lost_events, now)?;
        }
        let mut unsampled = BTreeSet::new();
        for (slot, error) in self.recorder.sample_each(&mut self.kernel, now) {
            unsampled.extend(self.recorder.tree_of(slot));
            self.trouble.failed("unsampled", &error.into());
        }
        self.recorder.describe_go(&mut self.kernel);
        let called = self.who_called();
        self.trouble.note_unnamed(self.callers.lost());
        self.promote(now);
        self.find_reach(now);
        let mut deltas = Deltas::default();
        let news = self.harvest(Learned::new(), &mut deltas, |told| &mut told.counts);
        self.make_room();
        self.close(&news, now, &mut deltas);
        let told = self.trees.iter_mut().filter(|(id, tree)| tree.is_workload && !unsampled.contains(*id));
        told.for_each(|(_, tree)| tree.told.counts = Some(now));
        self.polled = now;
        // What is on its way about a rejected slot may say that it has to stay.
        let due = if all_taken { due } else { BTreeSet::new() };
        self.give_back(&due);
        self.note_used();
        Ok(Poll {
            deltas: deltas.0.into_values().collect(),
            losses: self.trouble.losses(),
            failures: self.trouble.take_failures(),
            passed_over: self.trouble.passed_over,
            scans: self.reaches.scans(),
            passed: mem::take(&mut self.passed),
            called,
        })
    }

    /// What was found out of who made calls.
    fn who_called(&mut self) -> Vec<Called> {
        let called = self.callers.poll(&mut self.recorder).into_iter();
        let of_tree = called.filter_map(|one| {
            let workload = self.trees.get(&one.tree)?.home.workload.clone();
            Some(Called { workload, nr: one.nr, caller: one.caller })
        });
        of_tree.collect()
    }

    /// The argument values that were learned since they were last asked for.
    pub fn learn_arguments(&mut self) -> Result<Vec<Delta>, Error> {
        let learned = learned::read(&self.kernel)?;
        let mut deltas = Deltas::default();
        self.harvest(learned, &mut deltas, |told| &mut told.arguments);
        for watched in self.trees.values_mut().filter(|watched| watched.is_workload) {
            watched.told.arguments = Some(self.polled);
        }
        for watched in self.trees.values_mut().filter(|watched| watched.closing == Closing::Counted) {
            watched.closing = Closing::HandedOut;
        }
        Ok(deltas.0.into_values().collect())
    }

    /// Everything that was handed out of a workload so far is on disk, or will never be.
    pub fn stored(&mut self, workload: &WorkloadId) {
        self.stored_of(workload, Watched::waits_for_disk);
    }

    /// Everything that was handed out of a workload so far is being written: [`Self::storing_ended`] says when that
    /// is on disk, and nothing of what is handed out meanwhile.
    pub fn storing_begins(&mut self, workload: &WorkloadId) {
        for watched in self.trees.values_mut() {
            if watched.home.workload == *workload && watched.closing == Closing::HandedOut {
                watched.closing = Closing::BeingStored;
            }
        }
    }

    /// What was handed out of a workload before [`Self::storing_begins`] is on disk, or will never be. After a write
    /// that failed this is not called: the next one holds the same and more.
    pub fn storing_ended(&mut self, workload: &WorkloadId) {
        self.stored_of(workload, |watched| watched.closing == Closing::BeingStored);
    }

    fn stored_of(&mut self, workload: &WorkloadId, is_stored: impl Fn(&Watched) -> bool) {
        let its = self.trees.values_mut().filter(|watched| watched.home.workload == *workload);
        for watched in its.filter(|watched| is_stored(watched)) {
            watched.closing = Closing::Stored;
        }
    }

    /// Does not wait for a disk that takes nothing: without a slot, new targets would not be counted at all. What is
    /// handed out is lost only if this process ends before it is on disk.
    fn make_room(&mut self) {
        let mut waiting = self.trees.values_mut().filter(|watched| watched.waits_for_disk()).peekable();
        if waiting.peek().is_some() && self.kernel.is_short_of_slots() {
            waiting.for_each(|watched| watched.closing = Closing::Stored);
        }
    }

    /// As [`Self::stored`], for every workload but those that are known.
    pub fn stored_all_but(&mut self, is_known: &dyn Fn(&WorkloadId) -> bool) {
        for watched in self.trees.values_mut().filter(|watched| watched.waits_for_disk()) {
            if !is_known(&watched.home.workload) {
                watched.closing = Closing::Stored;
            }
        }
    }

    /// Hands out everything once more of a workload's trees that are still there, their starts included: what
    /// was handed out of it before is lost. Arguments follow when they are asked for.
    pub fn tell_again(&mut self, workload: &WorkloadId) {
        for (id, watched) in &mut self.trees {
            if watched.is_workload && watched.home.workload == *workload {
                watched.tell_again();
                self.recorder.tell_again(*id);
            }
        }
    }

    /// Hands out what is new. `until` is how far that kind of news was told before.
    fn harvest(
        &mut self,
        learned: Learned,
        deltas: &mut Deltas,
        until: impl Fn(&mut Told) -> &mut Option<Timestamp>,
    ) -> BTreeSet<TreeId> {
        let trees = &self.trees;
        let is_wanted = |tree| trees.get(&tree).is_some_and(|watched| watched.is_workload);
        let mut news = BTreeSet::new();
        for (tree, observed) in self.recorder.harvest(learned, is_wanted) {
            news.insert(tree);
            if let Some(watched) = self.trees.get_mut(&tree) {
                deltas.of(&watched.home, *until(&mut watched.told)).add(observed);
            }
        }
        news
    }

    /// Makes workloads of programs that have lived long enough.
    fn promote(&mut self, now: Timestamp) {
        let shortest = self.discovery.shortest_life;
        for (id, watched) in self.trees.iter_mut().filter(|(_, watched)| !watched.is_workload) {
            let Some(tree) = self.recorder.tree(*id) else { continue };
            let is_temporary = watched.wanted == Wanted::ByKind && is_temporary(&tree.build.path);
            let age = tree.life.started().until(watched.ended.map_or(now, |end| end.time));
            if age >= shortest && !is_temporary {
                self.passed.extend(watched.promote());
            }
        }
    }

    /// A program that was executed in place of another is what its tree is for, as long as that is no workload's.
    pub(super) fn settle_home(&mut self, slot: Slot) {
        let Some(id) = self.recorder.tree_of(slot) else { return };
        let (Some(tree), Some(watched)) = (self.recorder.tree(id), self.trees.get_mut(&id)) else { return };
        if !watched.is_workload {
            let groups = self.procfs.cgroups(tree.root).unwrap_or_default();
            watched.home = identify(&tree.build.path, &groups, &self.runtimes);
        }
    }

    /// Tells of starts and ends, and lets go of what is over.
    fn close(&mut self, news: &BTreeSet<TreeId>, now: Timestamp, deltas: &mut Deltas) {
        let (lost, mut over) = (self.trouble.total(), Vec::new());
        for (id, watched) in &mut self.trees {
            let Some(tree) = self.recorder.tree(*id) else { continue };
            let was = watched.closing;
            watched.advance(self.recorder.was_alive(tree), news.contains(id));
            let has_ended = was == Closing::Alive && watched.closing == Closing::Ended;
            let mut starts = Starts::default();
            if tree.role == Role::Main && watched.is_workload {
                let is_begun = has_ended || tree.life.phase(now) != Phase::Startup;
                starts = watched.starts(is_begun, lost);
                starts.shutdowns = watched.shutdowns(tree.life.asked_to_end().is_some());
            }
            if starts != Starts::default() {
                deltas.of(&watched.home, watched.told.counts).starts.add(starts);
            }
            if watched.is_over() {
                over.push(*id);
            }
        }
        self.let_go(over);
    }
}

impl Watched {
    /// The start, if it has not been told of. One that is watched from the first call has to be over first.
    fn starts(&mut self, is_begun: bool, lost: u64) -> Starts {
        if self.told.start || (self.is_whole && !is_begun) {
            return Starts::default();
        }
        self.told.start = true;
        let is_whole = self.is_whole && lost == self.lost_before;
        Starts { whole: is_whole.into(), partial: (!is_whole).into(), shutdowns: 0 }
    }

    /// The end, if it was asked for and has not been told of. One that came after the events were read shows in the
    /// counters first: who asked for it is known at the next poll.
    fn shutdowns(&mut self, was_asked: bool) -> u64 {
        let was_asked = was_asked || self.ended.is_some_and(|end| end.is_by_request);
        let is_ending = matches!(self.closing, Closing::Ended | Closing::Counted);
        let is_due = is_ending && was_asked && !self.is_dismissed && !self.told.shutdown;
        self.told.shutdown |= is_due;
        is_due.into()
    }
}

impl Starts {
    fn add(&mut self, more: Self) {
        self.whole += more.whole;
        self.partial += more.partial;
        self.shutdowns += more.shutdowns;
    }
}

impl Deltas {
    /// That of a workload, which tells at least of everything since then.
    fn of(&mut self, home: &Home, since: Option<Timestamp>) -> &mut Delta {
        let (workload, starts) = (home.workload.clone(), Starts::default());
        let none = || Delta { workload, since, roles: Vec::new(), starts };
        let delta = self.0.entry(home.workload.clone()).or_insert_with(none);
        // Nothing is before every time.
        delta.since = delta.since.min(since);
        delta
    }
}

impl Delta {
    fn add(&mut self, observed: RoleObservations) {
        let is_same = |known: &&mut RoleObservations| {
            known.role == observed.role
                && known.build.path == observed.build.path
                && known.build.id == observed.build.id
        };
        match self.roles.iter_mut().find(is_same) {
            Some(known) => known.absorb(observed),
            None => self.roles.push(observed),
        }
    }
}
