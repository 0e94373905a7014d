//! One role's history: cumulative counts turned into what happened in which phase.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use super::learned;
use super::procfs::InFlight;
use super::recorder::TreeId;
use crate::golang::GoLayout;
use crate::kernel::{CountRow, Slot, SlotState};
use crate::model::{
    Account, ArgumentValues, Arguments, Build, Caller, Callers, Phase, PhaseCounts, Reachable, Role,
    RoleObservations, Seen, SyscallNr, Timestamp,
};
use crate::syscalls::Watched;

/// What one slot has done so far.
#[derive(Debug)]
pub(super) struct RoleHistory {
    /// The process tree that it belongs to.
    pub(super) tree: TreeId,
    /// Its role in that tree.
    pub(super) role: Role,
    /// The binary. Only its path is known for a process that ended before it could be looked at.
    pub(super) build: Build,
    /// Its processes were asked to end: everything here is shutdown.
    pub(super) is_ending: bool,
    row: CountRow,
    state: SlotState,
    sampled: Option<Timestamp>,
    seen: BTreeMap<SyscallNr, Tally>,
    reach: Reach,
    handed_out: HandedOut,
}

/// What the binary could ever call.
#[derive(Debug)]
enum Reach {
    /// That is to be found out.
    Unknown,
    /// That can't be found out.
    Never,
    /// This.
    Known(Arc<Reachable>),
}

/// What of a call has not been handed out yet, and when it was seen.
#[derive(Debug)]
struct Tally {
    counts: PhaseCounts,
    /// Values of calls that were under way when counting began.
    in_flight: Option<ArgumentValues>,
    is_in_flight_told: bool,
    /// When the kernel side said that it was made for the first time.
    announced: Option<Timestamp>,
    first: Timestamp,
    last: Timestamp,
    /// Who made it.
    callers: Callers,
    /// Of these, who has not been handed out.
    untold_callers: Callers,
}

/// What has been handed out, but for the counts: those are the last snapshot's without what still waits.
#[derive(Debug, Default)]
struct HandedOut {
    anything: bool,
    processes: u64,
    foreign: u64,
    arguments: BTreeMap<SyscallNr, Arguments>,
    reach: bool,
}

impl RoleHistory {
    pub(super) fn new(tree: TreeId, role: Role, build: Build) -> Self {
        Self {
            tree,
            role,
            build,
            is_ending: false,
            row: CountRow::default(),
            state: SlotState::default(),
            sampled: None,
            seen: BTreeMap::new(),
            reach: Reach::Unknown,
            handed_out: HandedOut::default(),
        }
    }

    /// The history of the same role's processes once they are asked to end.
    pub(super) fn ending(&self) -> Self {
        Self { is_ending: true, ..Self::new(self.tree, self.role.clone(), self.build.clone()) }
    }

    /// A history that goes on where another daemon stopped.
    pub(super) fn restored(tree: TreeId, account: &Account) -> Self {
        let mut history = Self::new(tree, account.role.clone(), account.build.clone());
        history.is_ending = account.is_ending;
        for (nr, count) in &account.counts {
            history.row.add(*nr, *count);
        }
        history.handed_out = HandedOut {
            anything: true,
            processes: account.processes,
            foreign: account.foreign,
            arguments: account.arguments.clone(),
            reach: false,
        };
        history
    }

    /// Where its Go runtime keeps its goroutines, if it has one of a known version.
    pub(super) fn go_layout(&self) -> Option<GoLayout> {
        self.build.go.as_ref().and_then(GoLayout::of)
    }

    /// Whether it is to be found out what the binary could ever call. What came in from outside teaches nothing.
    pub(super) fn is_unreached(&self) -> bool {
        let is_own = !self.is_ending && !matches!(self.role, Role::Entered(_));
        is_own && self.build.go.is_some() && matches!(self.reach, Reach::Unknown)
    }

    /// What the binary could ever call; nothing if that can't be found out.
    pub(super) fn reaches(&mut self, reachable: Option<Arc<Reachable>>) {
        self.reach = reachable.map_or(Reach::Never, Reach::Known);
    }

    /// Whether the binary itself was looked at.
    pub(super) fn is_described(&self) -> bool {
        self.build.linkage.is_some()
    }

    /// Notes when a call was made for the first time.
    pub(super) fn first_seen(&mut self, nr: SyscallNr, time: Timestamp) {
        let tally = self.tally(nr, time);
        tally.first = tally.first.min(time);
        tally.announced.get_or_insert(time);
    }

    /// Notes who made a call. It may have been made before anyone could read of it.
    pub(super) fn called(&mut self, nr: SyscallNr, caller: Caller) {
        let tally = self.tally(nr, caller.time);
        if tally.callers.add(caller.clone()) {
            tally.untold_callers.add(caller);
        }
    }

    /// Notes the calls that were under way when counting began.
    pub(super) fn in_flight(&mut self, call: &InFlight, watched: Option<&Watched>, now: Timestamp) {
        let values = watched
            .map(|watched| watched.arguments.iter().map(|n| call.arguments[usize::from(*n)]).collect());
        let tally = self.tally(call.nr, now);
        tally.is_in_flight_told = false;
        let known = tally.in_flight.get_or_insert_default();
        if let Some(values) = values {
            known.entry(values).or_insert(0);
        }
    }

    /// Whether nothing can have happened since the last snapshot: it was taken when nobody was left.
    pub(super) fn is_settled(&self, state: SlotState) -> bool {
        self.sampled.is_some() && state == self.state && !is_alive(state)
    }

    /// Whether a process was left when the last snapshot was taken.
    pub(super) fn was_alive(&self) -> bool {
        is_alive(self.state)
    }

    /// Takes in a snapshot. What is new since the last one happened in the phase that it is now, but for a first
    /// call whose time is known.
    pub(super) fn sample(
        &mut self,
        row: CountRow,
        state: SlotState,
        phase: impl Fn(Timestamp) -> Phase,
        now: Timestamp,
    ) -> Vec<(SyscallNr, u64)> {
        let new = |(nr, count): (SyscallNr, u64)| (nr, count.saturating_sub(self.row.get(nr)));
        let grown: Vec<_> = row.iter().map(new).filter(|(_, more)| *more > 0).collect();
        for (nr, more) in &grown {
            let is_first = self.row.get(*nr) == 0;
            let tally = self.tally(*nr, now);
            let first = tally.announced.filter(|_| is_first).unwrap_or(now);
            tally.counts.add(phase(first), 1);
            tally.counts.add(phase(now), more - 1);
            tally.last = now;
        }
        self.row = row;
        self.state = state;
        self.sampled = Some(now);
        grown
    }

    fn tally(&mut self, nr: SyscallNr, now: Timestamp) -> &mut Tally {
        let fresh = || Tally {
            counts: PhaseCounts::default(),
            in_flight: None,
            is_in_flight_told: false,
            announced: None,
            first: now,
            last: now,
            callers: Callers::default(),
            untold_callers: Callers::default(),
        };
        self.seen.entry(nr).or_insert_with(fresh)
    }

    /// How many different calls were seen.
    pub(super) fn calls(&self) -> impl Iterator<Item = SyscallNr> + '_ {
        self.seen.keys().copied()
    }

    /// When a call was last seen for the first time.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.seen.values().map(|tally| tally.first).max()
    }

    /// What is new since the last time, as increments; nothing if nothing is. `arguments` holds what was learned of
    /// the watched calls so far, if that was asked for.
    pub(super) fn harvest(&mut self, arguments: BTreeMap<SyscallNr, Arguments>) -> Option<RoleObservations> {
        let mut learned = self.new_arguments(arguments);
        let mut syscalls = BTreeMap::new();
        for (nr, tally) in &mut self.seen {
            let seen = tally.harvest(learned.remove(nr).unwrap_or_default());
            syscalls.extend(seen.map(|seen| (*nr, seen)));
        }
        let (processes, foreign) = (self.processes(), self.state.foreign);
        let reachable = match &self.reach {
            Reach::Known(reachable) if !mem::replace(&mut self.handed_out.reach, true) => {
                Some(Arc::clone(reachable))
            }
            _ => None,
        };
        let new = RoleObservations {
            role: self.role.clone(),
            build: self.build.clone(),
            processes: processes.saturating_sub(self.handed_out.processes),
            syscalls,
            foreign: foreign.saturating_sub(self.handed_out.foreign),
            reachable,
        };
        let is_nothing =
            new.processes == 0 && new.foreign == 0 && new.syscalls.is_empty() && new.reachable.is_none();
        if is_nothing && self.handed_out.anything {
            return None;
        }
        (self.handed_out.processes, self.handed_out.foreign) = (processes, foreign);
        self.handed_out.anything = true;
        Some(new)
    }

    /// Hands out everything once more, from the first call on.
    pub(super) fn tell_again(&mut self) {
        (self.row, self.sampled, self.handed_out) = (CountRow::default(), None, HandedOut::default());
        for tally in self.seen.values_mut() {
            (tally.counts, tally.is_in_flight_told) = (PhaseCounts::default(), false);
            tally.untold_callers = tally.callers.clone();
        }
    }

    /// Those of an ending slot were counted where they came from.
    fn processes(&self) -> u64 {
        if self.is_ending { 0 } else { self.state.processes }
    }

    /// Of every call that was counted already, the values that have not been handed out.
    fn new_arguments(&mut self, arguments: BTreeMap<SyscallNr, Arguments>) -> BTreeMap<SyscallNr, Arguments> {
        let mut new = BTreeMap::new();
        let at = self.sampled.unwrap_or_default();
        for (nr, learned) in arguments {
            if self.row.get(nr) == 0 {
                continue;
            }
            let known = self.handed_out.arguments.entry(nr).or_default();
            if let Some(more) = learned::increments(known, learned) {
                new.insert(nr, more);
            }
            // After a restart nothing may have been counted since.
            self.tally(nr, at);
        }
        new
    }

    /// What has been handed out, for a daemon that goes on from it. Names nobody knows here are left as they are.
    pub(super) fn account(&self, slot: Slot, account: &Account) -> Account {
        let waiting = |nr: SyscallNr| self.seen.get(&nr).map_or(0, |tally| tally.counts.total());
        let counts = self.row.iter().map(|(nr, count)| (nr, count.saturating_sub(waiting(nr))));
        Account {
            slot: slot.get(),
            role: self.role.clone(),
            build: self.build.clone(),
            is_ending: self.is_ending,
            processes: self.handed_out.processes,
            foreign: self.handed_out.foreign,
            counts: counts.filter(|(_, count)| *count > 0).collect(),
            arguments: self.handed_out.arguments.clone(),
            ..*account
        }
    }
}

impl Tally {
    fn harvest(&mut self, mut learned: Arguments) -> Option<Seen> {
        let counts = mem::take(&mut self.counts);
        let in_flight = self.in_flight.as_ref().filter(|_| !mem::replace(&mut self.is_in_flight_told, true));
        let callers = mem::take(&mut self.untold_callers);
        let is_unmade = counts.total() == 0 && in_flight.is_none();
        if is_unmade && learned == Arguments::Unwatched && callers.is_empty() {
            return None;
        }
        let is_in_flight = in_flight.is_some();
        match in_flight {
            Some(values) if learned == Arguments::Unwatched && !values.is_empty() => {
                learned = Arguments::Values(values.clone());
            }
            Some(values) if !values.is_empty() => learned.absorb(Arguments::Values(values.clone())),
            _ => {}
        }
        let (first, last) = (self.first, self.last);
        Some(Seen { counts, in_flight: is_in_flight, first, last, arguments: learned, callers })
    }
}

/// More may have left than were seen to enter: they were there before.
pub(super) fn is_alive(state: SlotState) -> bool {
    state.live.cast_signed() > 0
}

#[cfg(test)]
mod tests;
