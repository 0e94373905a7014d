//! Learned argument values, from the kernel side's cumulative counts.

use std::collections::BTreeMap;

use super::error::Error;
use crate::kernel::{Slot, Source};
use crate::model::{Arch, Arguments, SyscallNr};
use crate::syscalls;

/// Everything learned so far, by slot and call.
pub(super) type Learned = BTreeMap<Slot, BTreeMap<SyscallNr, Arguments>>;

/// Reads what was learned so far. Of a slot of which some values found no room, no list of them is whole.
pub(super) fn read(source: &impl Source) -> Result<Learned, Error> {
    let mut learned = Learned::new();
    for entry in source.arguments()? {
        let name = syscalls::name(Arch::NATIVE, entry.nr).unwrap_or_default();
        let Some(watched) = syscalls::watched_by_name(name) else { continue };
        let one = entry.values.map_or(Arguments::Any, |values| {
            let values = values[..watched.arguments.len()].to_vec();
            Arguments::Values([(values, entry.count)].into())
        });
        let calls = learned.entry(entry.slot).or_default();
        match calls.get_mut(&entry.nr) {
            Some(known) => known.absorb(one),
            None => drop(calls.insert(entry.nr, one)),
        }
    }
    // Read after the values: those that were lost meanwhile are lost for sure.
    for slot in source.arguments_lost() {
        let any = syscalls::watched(Arch::NATIVE).map(|(nr, _)| (nr, Arguments::Any));
        learned.insert(slot, any.collect());
    }
    Ok(learned)
}

/// What is new in `learned` since `known`, which becomes it; nothing if nothing is.
pub(super) fn increments(known: &mut Arguments, learned: Arguments) -> Option<Arguments> {
    let before = std::mem::replace(known, learned);
    match (before, &*known) {
        (Arguments::Any, _) => {
            *known = Arguments::Any;
            None
        }
        (_, Arguments::Any) => Some(Arguments::Any),
        (Arguments::Values(before), Arguments::Values(now)) => {
            let more = |(values, count): (&Vec<u64>, &u64)| {
                let more = count.saturating_sub(before.get(values).copied().unwrap_or(0));
                (more > 0).then(|| (values.clone(), more))
            };
            let more: BTreeMap<_, _> = now.iter().filter_map(more).collect();
            (!more.is_empty()).then_some(Arguments::Values(more))
        }
        (Arguments::Unwatched, Arguments::Values(now)) => Some(Arguments::Values(now.clone())),
        (_, Arguments::Unwatched) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that only what was not handed out before is new, and that any value is possible once and for all.
    #[test]
    fn only_new_values_are_handed_out() {
        let values =
            |pairs: &[(u64, u64)]| Arguments::Values(pairs.iter().map(|(v, n)| (vec![*v], *n)).collect());
        let mut known = Arguments::default();
        assert_eq!(increments(&mut known, values(&[(1, 2)])), Some(values(&[(1, 2)])));
        assert_eq!(increments(&mut known, values(&[(1, 2)])), None);
        assert_eq!(increments(&mut known, values(&[(1, 5), (2, 1)])), Some(values(&[(1, 3), (2, 1)])));
        assert_eq!(increments(&mut known, Arguments::Any), Some(Arguments::Any));
        assert_eq!(increments(&mut known, values(&[(1, 9)])), None);
        assert_eq!(known, Arguments::Any);
    }
}
