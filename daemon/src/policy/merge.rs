//! The union of profiles.

use std::collections::BTreeMap;

use super::{DefaultAction, Errno, Profile, ProfileError, Rule, Verdict};
use crate::model::{Arch, SyscallNr};
use crate::syscalls::display_name;

/// Why profiles can't be united.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// None was given.
    #[error("there is no profile to merge")]
    Nothing,
    /// Numbers of two tables can't be united.
    #[error("profiles for {} and {} can't be merged: keep one for each", .0.name(), .1.name())]
    Architectures(Arch, Arch),
    /// The profiles differ in what happens to everything else, and nobody said which holds.
    #[error(
        "the profiles differ in their default action ({0} and {1}): say which holds with --default-action"
    )]
    Defaults(DefaultAction, DefaultAction),
    /// Two profiles refuse a call with different errors.
    #[error("`{name}` is refused with {left} by one profile and with {right} by another: change one of them")]
    Errors {
        /// The call.
        name: String,
        /// The one error.
        left: Errno,
        /// The other.
        right: Errno,
    },
    /// No valid profile comes of it.
    #[error("merging the profiles")]
    Profile(#[source] ProfileError),
}

/// A profile that allows whatever any of these allows, with the reasons of all. Merging a profile with itself
/// changes nothing, and the order does not matter.
pub fn merge(profiles: &[Profile], default: Option<DefaultAction>) -> Result<Profile, MergeError> {
    let (first, rest) = profiles.split_first().ok_or(MergeError::Nothing)?;
    let (arch, mut provenance) = (first.arch(), first.provenance().clone());
    let mut rules = first.rules().clone();
    let mut refused = first.refused().clone();
    let mut notes = first.notes().clone();
    let mut reach = first.reach().clone();
    let mut otherwise = first.otherwise();
    for other in rest {
        if other.arch() != arch {
            return Err(MergeError::Architectures(arch, other.arch()));
        }
        if default.is_none() && other.default_action() != first.default_action() {
            return Err(MergeError::Defaults(first.default_action(), other.default_action()));
        }
        add(&mut rules, other, arch)?;
        for (nr, reasons) in other.refused() {
            refused.entry(*nr).or_default().extend(reasons.iter().cloned());
        }
        notes.extend(other.notes().iter().cloned());
        reach.extend(other.reach());
        // An error allows more than a kill. Of two errors it is one, whatever the order.
        otherwise = otherwise.max(other.otherwise());
        provenance.extend(other.provenance());
    }
    let default = default.unwrap_or(first.default_action());
    let merged = Profile::new(arch, default, rules).map_err(MergeError::Profile)?;
    let merged = merged.with_otherwise(otherwise).map_err(MergeError::Profile)?;
    let merged = merged.with_refused(refused).with_notes(notes);
    Ok(merged.with_reach(reach).with_provenance(provenance))
}

fn add(rules: &mut BTreeMap<SyscallNr, Rule>, other: &Profile, arch: Arch) -> Result<(), MergeError> {
    for (nr, rule) in other.rules() {
        let merged = match rules.get(nr) {
            None => rule.clone(),
            Some(present) => united(present, rule).map_err(|(left, right)| MergeError::Errors {
                name: display_name(arch, *nr),
                left,
                right,
            })?,
        };
        rules.insert(*nr, merged);
    }
    Ok(())
}

/// Both rules as one, or the two errors that contradict each other.
fn united(left: &Rule, right: &Rule) -> Result<Rule, (Errno, Errno)> {
    let verdict = match (left.verdict().clone(), right.verdict().clone()) {
        (Verdict::Allow(left), Verdict::Allow(right)) => Verdict::Allow(left.or(right)),
        (Verdict::Allow(condition), Verdict::Errno(_)) | (Verdict::Errno(_), Verdict::Allow(condition)) => {
            Verdict::Allow(condition)
        }
        (Verdict::Errno(left), Verdict::Errno(right)) if left == right => Verdict::Errno(left),
        (Verdict::Errno(left), Verdict::Errno(right)) => return Err((left, right)),
    };
    Ok(left.clone().because(right.reasons().iter().cloned()).with(verdict))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::{ALWAYS, any_profile, profile};
    use crate::policy::{ENOSYS, EPERM, diff};
    use proptest::prelude::*;

    const DEFAULT: DefaultAction = DefaultAction::Errno(EPERM);

    fn both(left: &Profile, right: &Profile) -> Profile {
        merge(&[left.clone(), right.clone()], None).unwrap()
    }

    proptest! {
        /// Check that merging is a union: the order and repetition do not matter, and nothing is lost.
        #[test]
        fn merging_is_a_union(a in any_profile(), b in any_profile(), c in any_profile()) {
            prop_assert_eq!(both(&a, &a), a.clone());
            prop_assert_eq!(both(&a, &b), both(&b, &a));
            prop_assert_eq!(both(&both(&a, &b), &c), both(&a, &both(&b, &c)));
            prop_assert!(diff(&both(&a, &b), &both(&both(&a, &b), &a)).is_empty());
        }
    }

    /// Check that what contradicts is refused, or decided by whoever merges.
    #[test]
    fn contradictions_are_refused() {
        let errno = profile(DEFAULT, &[("read", ALWAYS), ("clone3", Verdict::Errno(ENOSYS))]);
        let kill = profile(DefaultAction::KillProcess, &[("read", ALWAYS)]);
        assert!(matches!(merge(&[errno.clone(), kill.clone()], None), Err(MergeError::Defaults(..))));
        let chosen = merge(&[errno.clone(), kill], Some(DefaultAction::KillProcess)).unwrap();
        assert_eq!(chosen.default_action(), DefaultAction::KillProcess);
        let other = profile(DEFAULT, &[("read", ALWAYS), ("clone3", Verdict::Errno(EPERM))]);
        let error = merge(&[errno, other], None).unwrap_err().to_string();
        assert_eq!(
            error,
            "`clone3` is refused with ENOSYS by one profile and with EPERM by another: change one of them"
        );
        assert!(matches!(merge(&[], None), Err(MergeError::Nothing)));
    }

    /// Check that two profiles of which one fails softly make one that does.
    #[test]
    fn errors_allow_more_than_kills() {
        let kill = profile(DefaultAction::KillProcess, &[("read", ALWAYS)]);
        let soft = kill.clone().with_otherwise(Some(EPERM)).unwrap();
        assert_eq!(both(&kill, &soft).otherwise(), Some(EPERM));
        assert_eq!(both(&soft, &kill), both(&kill, &soft));
    }
}
