//! What changes from one profile to another.

use std::collections::{BTreeMap, BTreeSet};

use super::{Condition, DefaultAction, Errno, Profile, Reason, Rule, Verdict};
use crate::model::{Reached, SyscallNr};

/// What changes from one profile to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The default actions, if they differ.
    pub default: Option<(DefaultAction, DefaultAction)>,
    /// What allowed calls fail with if their conditions do not hold, if that differs.
    pub otherwise: Option<(Option<Errno>, Option<Errno>)>,
    /// The rules that differ, by number.
    pub changes: Vec<(SyscallNr, Change)>,
    /// What the programs could call, as far as both profiles know.
    pub reach: ReachChange,
}

/// How what the programs could call differs. By itself it changes no filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReachChange {
    /// Only the programs of the new profile can make these.
    pub more: BTreeMap<SyscallNr, Reached>,
    /// Only those of the old profile can.
    pub less: BTreeMap<SyscallNr, Reached>,
}

/// One side of a changed rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// What happens to the call.
    pub verdict: Verdict,
    /// Why.
    pub reasons: BTreeSet<Reason>,
}

/// How a rule differs. Reasons alone make no difference: the filter is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Only the new profile has it.
    Added(Side),
    /// Only the old profile has it; the reasons tell of the rule that took it out, if one did.
    Removed(Side),
    /// Both have it with another verdict.
    Changed(Side, Side),
}

impl From<&Rule> for Side {
    fn from(rule: &Rule) -> Self {
        Self { verdict: rule.verdict().clone(), reasons: rule.reasons().clone() }
    }
}

impl Difference {
    /// Whether both profiles are the same filter.
    pub fn is_empty(&self) -> bool {
        self.default.is_none() && self.otherwise.is_none() && self.changes.is_empty()
    }
}

/// What changes from `old` to `new`, which are for the same architecture.
pub fn diff(old: &Profile, new: &Profile) -> Difference {
    let numbers: BTreeSet<SyscallNr> = old.rules().keys().chain(new.rules().keys()).copied().collect();
    let change = |nr: SyscallNr| {
        let mut change = changed(old.rules().get(&nr), new.rules().get(&nr))?;
        if let (Change::Removed(side), Some(why)) = (&mut change, new.refused().get(&nr)) {
            side.reasons.extend(why.iter().filter(|reason| matches!(reason, Reason::Rule { .. })).cloned());
        }
        Some((nr, change))
    };
    let defaults = (old.default_action(), new.default_action());
    let otherwise = (old.otherwise(), new.otherwise());
    // Where no call has a condition, nothing depends on it.
    let matters = otherwise.0 != otherwise.1 && [old, new].into_iter().any(is_conditional);
    Difference {
        default: (defaults.0 != defaults.1).then_some(defaults),
        otherwise: matters.then_some(otherwise),
        changes: numbers.into_iter().filter_map(change).collect(),
        reach: reach_change(old, new),
    }
}

fn is_conditional(profile: &Profile) -> bool {
    profile.allowed().any(|(_, condition)| matches!(condition, Condition::When(_)))
}

/// Nothing where one of both knows of no scan: everything would be new.
fn reach_change(old: &Profile, new: &Profile) -> ReachChange {
    if old.reach().scanned().is_empty() || new.reach().scanned().is_empty() {
        return ReachChange::default();
    }
    let only = |of: &Profile, not: &Profile| {
        let calls = of.reach().calls().iter();
        let only = calls.filter(|(nr, _)| !not.reach().calls().contains_key(nr));
        only.map(|(nr, reached)| (*nr, reached.clone())).collect()
    };
    ReachChange { more: only(new, old), less: only(old, new) }
}

fn changed(old: Option<&Rule>, new: Option<&Rule>) -> Option<Change> {
    match (old, new) {
        (None, None) => None,
        (None, Some(new)) => Some(Change::Added(new.into())),
        (Some(old), None) => Some(Change::Removed(old.into())),
        (Some(old), Some(new)) if old.verdict() == new.verdict() => None,
        (Some(old), Some(new)) => Some(Change::Changed(old.into(), new.into())),
    }
}
