//! Which groups of packages get a node of their own: those without which most would be missing.

use std::collections::{BTreeMap, BTreeSet};

use super::Role;
use crate::model::SyscallNr;

/// Packages that stand together, and what they lead to.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) members: BTreeSet<String>,
    pub(super) syscalls: BTreeSet<SyscallNr>,
}

/// What each group is shown as: itself, or one of the others of its sort. At most `most` different ones, if that is at
/// least as many as there are sorts.
pub(super) fn shown(groups: &BTreeMap<Role, Group>, most: usize) -> BTreeMap<Role, Role> {
    let weights = weights(groups);
    let mut by_weight: Vec<&Role> = groups.keys().collect();
    by_weight.sort_by_key(|&role| (std::cmp::Reverse(weights[role]), role));
    let sorts: BTreeSet<Role> = groups.keys().map(others).collect();
    let kept = if groups.len() <= most { most } else { most.saturating_sub(sorts.len()) };
    let mut shown: BTreeMap<Role, Role> = BTreeMap::new();
    for (place, role) in by_weight.iter().enumerate() {
        let rest = by_weight.iter().skip(kept).filter(|other| others(other) == others(role)).count();
        // A group of one would say less than its name.
        let is_itself = place < kept || rest == 1;
        shown.insert((*role).clone(), if is_itself { (*role).clone() } else { others(role) });
    }
    shown
}

/// How much each group is the reason for: a call counts one divided by how many groups lead to it, in millionths. That a
/// module locks memory says more of it than that it opens files, as most do.
fn weights(groups: &BTreeMap<Role, Group>) -> BTreeMap<&Role, u64> {
    let mut leading = BTreeMap::<SyscallNr, u64>::new();
    for nr in groups.values().flat_map(|group| &group.syscalls) {
        *leading.entry(*nr).or_default() += 1;
    }
    let weight = |group: &Group| group.syscalls.iter().map(|nr| 1_000_000 / leading[nr]).sum();
    groups.iter().map(|(role, group)| (role, weight(group))).collect()
}

/// The role under which groups of a sort are joined.
pub(super) fn others(role: &Role) -> Role {
    match role {
        Role::Own(_) => Role::OtherOwn,
        Role::Module(_) => Role::OtherModules,
        Role::Standard(_) => Role::OtherStandard,
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(sizes: &[(Role, u16)]) -> BTreeMap<Role, Group> {
        let group = |size: u16| Group {
            syscalls: (0..size).filter_map(SyscallNr::new).collect(),
            ..Group::default()
        };
        sizes.iter().map(|(role, size)| (role.clone(), group(*size))).collect()
    }

    fn module(name: &str) -> Role {
        Role::Module(name.to_owned())
    }

    /// Check that the largest keep their names, the rest are joined, and a rest of one is not.
    #[test]
    fn small_groups_are_joined() {
        let all = groups(&[(module("a"), 1), (module("b"), 9), (module("c"), 5), (module("d"), 2)]);
        let few = shown(&all, 3);
        assert_eq!(few[&module("b")], module("b"));
        assert_eq!(few[&module("c")], module("c"));
        assert_eq!((&few[&module("a")], &few[&module("d")]), (&Role::OtherModules, &Role::OtherModules));
        assert!(shown(&all, 4).iter().all(|(role, shown)| role == shown), "there is room for all");
        let mixed =
            groups(&[(module("a"), 1), (module("b"), 2), (Role::Own("o".into()), 1), (module("c"), 7)]);
        assert_eq!(shown(&mixed, 3)[&Role::Own("o".into())], Role::Own("o".into()));
    }

    /// Check that what only one group leads to weighs more than what many do.
    #[test]
    fn rare_calls_weigh_more() {
        let of = |numbers: std::ops::Range<u16>| Group {
            syscalls: numbers.filter_map(SyscallNr::new).collect(),
            ..Group::default()
        };
        let groups: BTreeMap<Role, Group> = [("a", 0..3), ("b", 0..3), ("c", 0..3), ("rare", 9..11)]
            .map(|(name, calls)| (module(name), of(calls)))
            .into();
        let shown = shown(&groups, 2);
        assert_eq!(shown[&module("rare")], module("rare"));
        assert_eq!(shown[&module("a")], Role::OtherModules);
    }

    /// Check that there are never more than asked for, whatever the sorts are.
    #[test]
    fn there_are_never_too_many() {
        for own in 0..6_u16 {
            for modules in 0..9 {
                let own = (0..own).map(|number| (Role::Own(number.to_string()), number));
                let sizes: Vec<_> = own.chain((0..modules).map(|n| (module(&n.to_string()), n))).collect();
                for most in 2..8 {
                    let different: BTreeSet<Role> = shown(&groups(&sizes), most).into_values().collect();
                    assert!(different.len() <= most, "{sizes:?}: {different:?}");
                }
            }
        }
    }
}
