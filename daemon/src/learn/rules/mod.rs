//! Threshold rules: which calls, how often in how much time, and what follows.
//!
//! In: rules as people write them (`[[rule]]`), and what targets did. Out: violations, at most one per rule,
//! workload and window, and the calls that a profile may not hold or holds less of. `docs/rules.md` has the
//! rules' language.

mod builtin;
mod error;
mod file;
mod groups;
#[cfg(test)]
mod tests;
mod thresholds;
mod violation;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

pub use builtin::{builtin, with_builtin};
pub use error::RuleError;
pub use file::{ArgumentTestFile, Bits, RuleFile, ThenFile};
pub use groups::{Group, Groups};
pub use thresholds::Thresholds;
pub use violation::Violation;

use crate::model::{Arch, Arguments, Baseline, Pattern, SyscallNr, WorkloadId};
use crate::syscalls;

/// A threshold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, of its own among all rules.
    pub name: String,
    /// The calls that it counts, each by itself.
    pub syscalls: BTreeSet<SyscallNr>,
    /// Which of those calls count, by an argument; all of them without a test.
    pub argument: Option<ArgumentTest>,
    /// More than so many calls is a violation; with 0 the first is.
    pub over: u64,
    /// In so much time.
    pub per: Duration,
    /// What follows.
    pub then: Then,
    /// The workloads that it is for, by their ids.
    pub workloads: Vec<Pattern>,
    /// Why it is there.
    pub why: String,
}

/// Whether a call counts: any of these bits of an argument is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgumentTest {
    /// The argument's position, from 0.
    pub index: u8,
    /// The bits.
    pub mask: u64,
}

/// What follows a violation, beside that it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Then {
    /// Nothing.
    Report,
    /// The call leaves the workload's profile.
    Deny,
    /// The call is limited to the arguments that were seen, without those that the rule is about.
    Narrow,
}

impl Rule {
    /// Whether it is for a workload.
    pub fn covers(&self, workload: &WorkloadId) -> bool {
        let id = workload.to_string();
        self.workloads.iter().any(|pattern| pattern.matches(&id))
    }

    /// Whether the first call is a violation.
    pub const fn is_zero_tolerance(&self) -> bool {
        self.over == 0
    }
}

impl ArgumentTest {
    /// Whether a call with this register counts.
    pub const fn holds(self, value: u64) -> bool {
        value & self.mask != 0
    }

    /// How many of the calls with these learned values count. Values that are not known count as none.
    fn count(self, arch: Arch, nr: SyscallNr, arguments: &Arguments) -> u64 {
        let watched = syscalls::name(arch, nr).and_then(syscalls::watched_by_name);
        let place =
            watched.and_then(|watched| watched.arguments.iter().position(|index| *index == self.index));
        let (Some(place), Arguments::Values(values)) = (place, arguments) else { return 0 };
        let counted =
            values.iter().filter(|(values, _)| values.get(place).is_some_and(|value| self.holds(*value)));
        counted.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Report => "report",
            Self::Deny => "deny",
            Self::Narrow => "narrow",
        })
    }
}

/// The calls that rules take out of a workload's profile or limit, with the rules that do. One without
/// tolerance holds for all its calls from the start; another one for those that were violations.
pub fn restricted<'a>(rules: &'a [Rule], baseline: &Baseline) -> BTreeMap<SyscallNr, Vec<&'a Rule>> {
    let mut restricted = BTreeMap::<_, Vec<_>>::new();
    for rule in rules.iter().filter(|rule| rule.then != Then::Report && rule.covers(&baseline.workload)) {
        let violated = baseline.violated.get(&rule.name).map(|violated| &violated.syscalls);
        let broken = |nr: &&SyscallNr| {
            rule.is_zero_tolerance() || violated.is_some_and(|calls| calls.contains_key(nr))
        };
        for nr in rule.syscalls.iter().filter(broken) {
            restricted.entry(*nr).or_default().push(rule);
        }
    }
    restricted
}
