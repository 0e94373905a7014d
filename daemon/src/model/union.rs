//! Uniting what was seen in several processes, or several recordings, of the same binary.

use std::sync::Arc;

use super::{Arguments, Losses, PhaseCounts, RoleObservations, Seen};
use crate::model::Phase;

impl RoleObservations {
    /// Takes in what the same binary did in the same role elsewhere.
    pub fn absorb(&mut self, other: Self) {
        self.processes = self.processes.saturating_add(other.processes);
        self.foreign = self.foreign.saturating_add(other.foreign);
        self.reachable = match (self.reachable.take(), other.reachable) {
            (Some(mut known), Some(other)) if known != other => {
                Arc::make_mut(&mut known).absorb(&other);
                Some(known)
            }
            (known, other) => known.or(other),
        };
        for (nr, seen) in other.syscalls {
            match self.syscalls.get_mut(&nr) {
                Some(known) => known.absorb(seen),
                None => drop(self.syscalls.insert(nr, seen)),
            }
        }
    }
}

impl Seen {
    /// Takes in the history of the same call.
    pub fn absorb(&mut self, other: Self) {
        self.counts.absorb(other.counts);
        self.in_flight |= other.in_flight;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.arguments.absorb(other.arguments);
        self.callers.absorb(other.callers);
    }
}

impl PhaseCounts {
    fn absorb(&mut self, other: Self) {
        for phase in Phase::ALL {
            self.add(phase, other.get(phase));
        }
    }
}

impl Arguments {
    /// Takes in the values of the same call. What was not watched, or not wholly, makes any value possible.
    pub fn absorb(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Unwatched, Self::Unwatched) => {}
            (Self::Values(values), Self::Values(others)) => {
                for (value, count) in others {
                    let known: &mut u64 = values.entry(value).or_default();
                    *known = known.saturating_add(count);
                }
            }
            _ => *self = Self::Any,
        }
    }
}

impl Losses {
    /// Takes in what another recording lost.
    pub fn absorb(&mut self, other: Self) {
        for (reason, count) in other.0 {
            let known = self.0.entry(reason).or_default();
            *known = known.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that values unite, and that one unknown makes all of them possible.
    #[test]
    fn arguments_unite() {
        let values =
            |pairs: &[(u64, u64)]| Arguments::Values(pairs.iter().map(|(v, n)| (vec![*v], *n)).collect());
        let mut arguments = values(&[(1, 2)]);
        arguments.absorb(values(&[(1, 3), (2, 1)]));
        assert_eq!(arguments, values(&[(1, 5), (2, 1)]));
        arguments.absorb(Arguments::Any);
        assert_eq!(arguments, Arguments::Any);
        let mut unwatched = Arguments::Unwatched;
        unwatched.absorb(Arguments::Unwatched);
        assert_eq!(unwatched, Arguments::Unwatched);
    }
}
