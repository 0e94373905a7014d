//! One role's history: cumulative counts turned into what happened in which phase.

use std::collections::BTreeMap;

use super::procfs::InFlight;
use crate::kernel::{CountRow, SlotState};
use crate::model::{
    ArgumentValues, Arguments, Build, Phase, PhaseCounts, Role, RoleObservations, Seen, SyscallNr, Timestamp,
};
use crate::syscalls::Watched;

/// What one slot has done so far.
#[derive(Debug)]
pub(super) struct RoleHistory {
    /// The process tree that it belongs to, by number.
    pub(super) tree: usize,
    /// Its role in that tree.
    pub(super) role: Role,
    /// The binary. Only its path is known for a process that ended before it could be looked at.
    pub(super) build: Build,
    /// Its processes were asked to end: everything here is shutdown.
    pub(super) is_ending: bool,
    row: CountRow,
    seen: BTreeMap<SyscallNr, Tally>,
}

#[derive(Debug)]
struct Tally {
    counts: PhaseCounts,
    in_flight: Option<ArgumentValues>,
    first: Timestamp,
    last: Timestamp,
}

impl RoleHistory {
    pub(super) fn new(tree: usize, role: Role, build: Build) -> Self {
        Self { tree, role, build, is_ending: false, row: CountRow::default(), seen: BTreeMap::new() }
    }

    /// The history of the same role's processes once they are asked to end.
    pub(super) fn ending(&self) -> Self {
        Self { is_ending: true, ..Self::new(self.tree, self.role.clone(), self.build.clone()) }
    }

    /// Whether the binary itself was looked at.
    pub(super) fn is_described(&self) -> bool {
        self.build.linkage.is_some()
    }

    /// Notes when a call was made for the first time.
    pub(super) fn first_seen(&mut self, nr: SyscallNr, time: Timestamp) {
        let tally = self.tally(nr, time);
        tally.first = tally.first.min(time);
    }

    /// Notes the calls that were under way when counting began.
    pub(super) fn in_flight(&mut self, call: &InFlight, watched: Option<&Watched>, now: Timestamp) {
        let values = watched
            .map(|watched| watched.arguments.iter().map(|n| call.arguments[usize::from(*n)]).collect());
        let known = self.tally(call.nr, now).in_flight.get_or_insert_default();
        if let Some(values) = values {
            known.entry(values).or_insert(0);
        }
    }

    /// Takes in a snapshot; everything new since the last one happened in `phase`.
    pub(super) fn sample(&mut self, row: CountRow, phase: Phase, now: Timestamp) -> Vec<(SyscallNr, u64)> {
        let new = |(nr, count): (SyscallNr, u64)| (nr, count.saturating_sub(self.row.get(nr)));
        let grown: Vec<_> = row.iter().map(new).filter(|(_, more)| *more > 0).collect();
        for (nr, more) in &grown {
            let tally = self.tally(*nr, now);
            tally.counts.add(phase, *more);
            tally.last = now;
        }
        self.row = row;
        grown
    }

    fn tally(&mut self, nr: SyscallNr, now: Timestamp) -> &mut Tally {
        let fresh = || Tally { counts: PhaseCounts::default(), in_flight: None, first: now, last: now };
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

    /// The history as observations. `arguments` holds what was learned of the watched calls.
    pub(super) fn finish(
        self,
        state: SlotState,
        arguments: &mut BTreeMap<SyscallNr, Arguments>,
    ) -> RoleObservations {
        let seen = |(nr, tally): (SyscallNr, Tally)| {
            let mut learned = arguments.remove(&nr).unwrap_or_default();
            let in_flight = tally.in_flight.is_some();
            match tally.in_flight {
                Some(values) if learned == Arguments::Unwatched && !values.is_empty() => {
                    learned = Arguments::Values(values);
                }
                Some(values) if !values.is_empty() => learned.absorb(Arguments::Values(values)),
                _ => {}
            }
            (
                nr,
                Seen {
                    counts: tally.counts,
                    in_flight,
                    first: tally.first,
                    last: tally.last,
                    arguments: learned,
                },
            )
        };
        RoleObservations {
            role: self.role,
            build: self.build,
            // They were counted where they came from.
            processes: if self.is_ending { 0 } else { state.processes },
            syscalls: self.seen.into_iter().map(seen).collect(),
            foreign: state.foreign,
        }
    }
}
