//! What is known of each call of the architecture: seen, needed by every such program, possible, or impossible.

use std::collections::{BTreeMap, BTreeSet};

use super::{BuildStamp, Profile, Reason};
use crate::golang::is_standard_library;
use crate::model::{Reachable, Reached, RoleObservations, ScanLimits, SyscallNr};

/// How a profile knows a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// It was seen.
    Observed,
    /// A floor holds it.
    Floor,
    /// A scan says that it can happen; it was never seen.
    Reachable,
    /// The scans of all binaries say that it can't happen.
    Unreachable,
    /// It was never seen, and not every binary was scanned wholly.
    Unknown,
}

/// What the scans of a profile's binaries say, all together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    calls: BTreeMap<SyscallNr, Reached>,
    scanned: BTreeMap<BuildStamp, ScanLimits>,
}

/// How a program can make a call, in words: for which packages, those outside the standard library first.
pub fn way(reached: &Reached) -> String {
    let mut packages: Vec<&str> = reached.packages.iter().map(|package| &**package).collect();
    packages.sort_by_key(|package| (is_standard_library(package), *package));
    let from = match (packages.as_slice(), reached.is_go) {
        ([], true) => "from Go code".to_owned(),
        ([], false) => "from libraries, the dynamic linker, or whatever starts the program".to_owned(),
        (packages, _) => format!("from {}", packages.join(", ")),
    };
    let condition = if reached.is_optional { ", for options of os/exec (SysProcAttr) only" } else { "" };
    from + condition
}

impl Tier {
    /// Its name in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Floor => "floor",
            Self::Reachable => "reachable",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
        }
    }
}

impl Reach {
    /// What these calls and scans are together.
    pub fn new(calls: BTreeMap<SyscallNr, Reached>, scanned: BTreeMap<BuildStamp, ScanLimits>) -> Self {
        Self { calls, scanned }
    }

    /// What is known of the binaries of these roles.
    pub fn of(roles: &[&RoleObservations]) -> Self {
        let mut reach = Self::default();
        for role in roles {
            if let Some(reachable) = &role.reachable {
                reach.add((&role.build).into(), reachable);
            }
        }
        reach
    }

    fn add(&mut self, build: BuildStamp, reachable: &Reachable) {
        self.scanned.entry(build).or_default().absorb(&reachable.limits);
        for (nr, reached) in &reachable.syscalls {
            self.add_call(*nr, reached);
        }
    }

    fn add_call(&mut self, nr: SyscallNr, reached: &Reached) {
        match self.calls.get_mut(&nr) {
            Some(known) => known.absorb(reached),
            None => drop(self.calls.insert(nr, reached.clone())),
        }
    }

    /// Takes in what another profile knows.
    pub fn extend(&mut self, other: &Self) {
        for (nr, reached) in &other.calls {
            self.add_call(*nr, reached);
        }
        for (build, limits) in &other.scanned {
            self.scanned.entry(build.clone()).or_default().absorb(limits);
        }
    }

    /// Every call that one of the scanned binaries can make.
    pub const fn calls(&self) -> &BTreeMap<SyscallNr, Reached> {
        &self.calls
    }

    /// The binaries that were scanned, and what their scans could not find out.
    pub const fn scanned(&self) -> &BTreeMap<BuildStamp, ScanLimits> {
        &self.scanned
    }

    /// Whether all of these binaries were scanned, each wholly: only then what was not found can't happen.
    pub fn is_whole_for(&self, builds: &BTreeSet<BuildStamp>) -> bool {
        let is_whole = |build| self.scanned.get(build).is_some_and(ScanLimits::is_whole);
        !builds.is_empty() && builds.iter().all(is_whole)
    }
}

impl Profile {
    /// How a call is known.
    pub fn tier(&self, nr: SyscallNr) -> Tier {
        let of_rule = self.rules().get(&nr).map(super::Rule::reasons);
        let reasons = || of_rule.or_else(|| self.refused().get(&nr)).into_iter().flatten();
        if reasons().any(|reason| matches!(reason, Reason::Observed(_))) {
            Tier::Observed
        } else if reasons().any(|reason| matches!(reason, Reason::Floor { .. })) {
            Tier::Floor
        } else if self.reach().calls().contains_key(&nr) {
            Tier::Reachable
        } else if self.reach().is_whole_for(&self.provenance().builds) {
            Tier::Unreachable
        } else {
            Tier::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::{nr, sample};

    /// Check that each tier is told, and that what a scan did not look at is never taken to be impossible.
    #[test]
    fn each_call_has_a_tier() {
        let profile = sample();
        let tiers =
            |profile: &Profile| ["read", "futex", "mount", "keyctl"].map(|name| profile.tier(nr(name)));
        assert_eq!(tiers(&profile), [Tier::Observed, Tier::Floor, Tier::Reachable, Tier::Unreachable]);
        let unscanned = sample().with_reach(Reach::default());
        assert_eq!(tiers(&unscanned), [Tier::Observed, Tier::Floor, Tier::Unknown, Tier::Unknown]);
        let mut with_gap = sample().reach().clone();
        let gap = ScanLimits { unresolved: 1, ..ScanLimits::default() };
        with_gap.scanned.values_mut().for_each(|limits| limits.absorb(&gap));
        assert_eq!(sample().with_reach(with_gap).tier(nr("keyctl")), Tier::Unknown);
    }
}
