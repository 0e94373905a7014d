//! What conditions leave over, in conditions again: filter languages have no "else" for the arguments of one call.

use std::collections::BTreeMap;

use super::condition::{ArgIndex, Masked};
use super::{Alternatives, Conjunction};

/// A filter has room for 4096 instructions (`BPF_MAXINSNS`, `linux/bpf_common.h`), and a conjunction takes some four.
const MOST: usize = 512;

/// Bits of arguments that are decided.
type Decided = BTreeMap<ArgIndex, Masked>;

impl Alternatives {
    /// Everything else: conjunctions that overlap neither these nor each other, of which one holds wherever none of
    /// these does. A comparison of an `int` with one value leaves 32; nothing where there would be too many.
    pub fn complement(&self) -> Option<Vec<Conjunction>> {
        let mut left = vec![Decided::new()];
        for taken in self.iter() {
            left = left.iter().flat_map(|decided| without(decided, taken)).collect();
            if left.len() > MOST {
                return None;
            }
        }
        Some(left.into_iter().filter_map(|decided| Conjunction::new(decided).ok()).collect())
    }
}

/// What is left where a conjunction takes its part: split at each bit that only the conjunction decides, the highest
/// first, as most values are small.
fn without(decided: &Decided, taken: &Conjunction) -> Vec<Decided> {
    if taken.iter().any(|(index, masked)| decided.get(&index).is_some_and(|known| are_apart(*known, masked)))
    {
        return vec![decided.clone()];
    }
    let mut within = decided.clone();
    let mut left = Vec::new();
    for (index, masked) in taken.iter() {
        for bit in (0..u64::BITS).rev().map(|shift| 1 << shift).filter(|bit| masked.mask() & bit != 0) {
            let is_open = within.get(&index).is_none_or(|known| known.mask() & bit == 0);
            if is_open {
                left.push(with(&within, index, bit, !masked.value() & bit));
                within = with(&within, index, bit, masked.value() & bit);
            }
        }
    }
    left
}

fn are_apart(left: Masked, right: Masked) -> bool {
    (left.value() ^ right.value()) & left.mask() & right.mask() != 0
}

fn with(decided: &Decided, index: ArgIndex, bit: u64, value: u64) -> Decided {
    let (mask, known) = decided.get(&index).map_or((0, 0), |known| (known.mask(), known.value()));
    let mut decided = decided.clone();
    decided.extend(Masked::new(mask | bit, known | value).map(|masked| (index, masked)));
    decided
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn conjunction(conditions: &BTreeMap<u64, (u64, u64)>) -> Conjunction {
        let masked = |(index, (mask, value)): (&u64, &(u64, u64))| {
            (ArgIndex::new(*index).unwrap(), Masked::new(*mask, value & mask).unwrap())
        };
        Conjunction::new(conditions.iter().map(masked)).unwrap()
    }

    fn holds(conjunction: &Conjunction, arguments: &[u64]) -> bool {
        conjunction
            .iter()
            .all(|(index, masked)| arguments[usize::from(index.get())] & masked.mask() == masked.value())
    }

    /// Check how many there are where it matters.
    #[test]
    fn what_is_left_is_short() {
        let domains = [1, 2, 10, 16].map(|domain| conjunction(&[(0, (0xffff_ffff, domain))].into()));
        let left = Alternatives::new(domains).unwrap().complement().unwrap();
        assert!(left.len() < 48, "{}", left.len());
        let no_namespace = Alternatives::of(conjunction(&[(0, (0x7e02_0000, 0))].into()));
        assert_eq!(no_namespace.complement().map(|left| left.len()), Some(7));
        let each = |index| conjunction(&[(index, (u64::MAX, 1))].into());
        assert_eq!(Alternatives::new([0, 1, 2].map(each)).unwrap().complement(), None);
    }

    proptest! {
        /// Check that of any conditions and what they leave over exactly one side holds, and of the latter one alone.
        #[test]
        fn one_side_holds(
            lists in prop::collection::vec(
                prop::collection::btree_map(0..3u64, (prop_oneof![1..16u64, Just(5 << 31)], 0..16u64), 1..3), 1..5),
            arguments in prop::array::uniform3(prop_oneof![0..16u64, any::<u64>()]),
        ) {
            let any = Alternatives::new(lists.iter().map(conjunction)).unwrap();
            let left = any.complement().unwrap().iter().filter(|one| holds(one, &arguments)).count();
            let is_met = any.iter().any(|one| holds(one, &arguments));
            prop_assert_eq!(left, usize::from(!is_met));
        }
    }
}
