//! The state of all rules' windows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::window::{Calls, Window};
use super::{Rule, Violation};
use crate::model::{Arch, Delta, SyscallNr, Timestamp, WorkloadId};

/// Rules, and what each has counted of each workload. Memory is taken by rules and workloads
/// with calls in a window that is open, or with calls that no report has told of yet.
#[derive(Debug)]
pub struct Thresholds {
    arch: Arch,
    rules: Vec<Rule>,
    /// By rule, as a place in `rules`, and workload.
    windows: BTreeMap<(usize, WorkloadId), Window>,
    /// Those that are no workloads so far but broke a rule, and when they last did.
    strangers: BTreeMap<WorkloadId, Timestamp>,
}

/// Strangers whose windows are kept. There may be one for every program that is ever executed; the one that broke no
/// rule for the longest time makes room, and may be told of again.
const MOST_STRANGERS: usize = 256;

impl Thresholds {
    /// Nothing counted yet.
    pub const fn new(rules: Vec<Rule>, arch: Arch) -> Self {
        Self { arch, rules, windows: BTreeMap::new(), strangers: BTreeMap::new() }
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Other rules, after a reload. Those that stay as they are keep their windows.
    pub fn set_rules(&mut self, rules: Vec<Rule>) {
        let place = |old: &Rule| rules.iter().position(|new| new == old);
        let places: Vec<_> = self.rules.iter().map(place).collect();
        let windows = std::mem::take(&mut self.windows).into_iter();
        self.windows = windows
            .filter_map(|((rule, workload), window)| Some(((places[rule]?, workload), window)))
            .collect();
        self.rules = rules;
    }

    /// The calls of which the kernel is to tell at once: those that are not tolerated at all.
    pub fn alert_calls(&self) -> BTreeSet<SyscallNr> {
        let strict = self.rules.iter().filter(|rule| rule.is_zero_tolerance());
        strict.flat_map(|rule| &rule.syscalls).copied().collect()
    }

    /// Takes in what targets of one workload did from `since` to `now`. Over a longer time than a rule's, as
    /// after the daemon was down, the calls are taken as spread evenly.
    pub fn sample(&mut self, since: Timestamp, now: Timestamp, delta: &Delta) -> Vec<Violation> {
        self.strangers.remove(&delta.workload);
        let mut violations = Vec::new();
        for (place, rule) in self.rules.iter().enumerate() {
            let counts = counts(self.arch, rule, delta);
            if counts.is_empty() || !rule.covers(&delta.workload) {
                continue;
            }
            let window = self.windows.entry((place, delta.workload.clone())).or_default();
            for (nr, count) in counts {
                let compared = if rule.over == 0 { count } else { within(count, since.until(now), rule.per) };
                window.counted(now, rule.per, rule.over, nr, Calls { count, compared });
            }
            let due = window.report(now, rule.per);
            violations.extend(due.map(|due| violation(rule, &delta.workload, now, due)));
        }
        violations
    }

    /// Takes in a call of which the kernel told at once. The counters count it too, and it is not counted twice.
    pub fn alert(
        &mut self,
        time: Timestamp,
        workload: &WorkloadId,
        nr: SyscallNr,
        arguments: [u64; 6],
    ) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (place, rule) in self.rules.iter().enumerate() {
            let register = |index: u8| arguments.get(usize::from(index)).copied().unwrap_or_default();
            let counts = rule.argument.is_none_or(|test| test.holds(register(test.index)));
            if !counts || !rule.is_zero_tolerance() || !rule.syscalls.contains(&nr) || !rule.covers(workload)
            {
                continue;
            }
            let window = self.windows.entry((place, workload.clone())).or_default();
            window.told(time, rule.per, rule.over, nr);
            let due = window.report(time, rule.per);
            violations.extend(due.map(|due| violation(rule, workload, time, due)));
        }
        violations
    }

    /// As [`Self::alert`], by a program that is no workload so far: its counters are read when it is one, if ever.
    pub fn alert_of_stranger(
        &mut self,
        time: Timestamp,
        program: &WorkloadId,
        nr: SyscallNr,
        arguments: [u64; 6],
    ) -> Vec<Violation> {
        let violations = self.alert(time, program, nr, arguments);
        if !violations.is_empty() {
            self.strangers.insert(program.clone(), time);
        }
        if self.strangers.len() > MOST_STRANGERS
            && let Some((oldest, _)) = self.strangers.iter().min_by_key(|(_, time)| **time)
        {
            self.forget(&oldest.clone());
        }
        violations
    }

    /// Whether this is no workload so far, and broke a rule.
    pub fn is_stranger(&self, program: &WorkloadId) -> bool {
        self.strangers.contains_key(program)
    }

    /// The counters of a program that was told of will not be read: it ended before it was a workload.
    pub fn stranger_passed(&mut self, program: &WorkloadId) {
        let its = self.windows.iter_mut().filter(|((_, id), _)| id == program);
        its.for_each(|(_, window)| window.expect_no_more());
    }

    /// Reports that became due: of two calls that pass a threshold in one window, the second is reported in the
    /// next. Drops what is over. Called once a poll.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Violation> {
        let (rules, mut violations) = (&self.rules, Vec::new());
        self.windows.retain(|(place, workload), window| {
            let Some(rule) = rules.get(*place) else { return false };
            let due = window.report(now, rule.per);
            violations.extend(due.map(|due| violation(rule, workload, now, due)));
            !window.is_over(now, rule.per)
        });
        violations
    }

    /// Drops what is known of a workload that was forgotten.
    pub fn forget(&mut self, workload: &WorkloadId) {
        self.windows.retain(|(_, id), _| id != workload);
        self.strangers.remove(workload);
    }

    #[cfg(test)]
    pub(super) fn windows(&self) -> impl Iterator<Item = &Window> {
        self.windows.values()
    }
}

/// The calls of a delta that count for a rule, over all roles.
fn counts(arch: Arch, rule: &Rule, delta: &Delta) -> BTreeMap<SyscallNr, u64> {
    let mut counts = BTreeMap::new();
    for (nr, seen) in delta.roles.iter().flat_map(|role| &role.syscalls) {
        if !rule.syscalls.contains(nr) {
            continue;
        }
        let count = match rule.argument {
            None => seen.counts.total(),
            Some(test) => test.count(arch, *nr, &seen.arguments),
        };
        if count > 0 {
            let sum: &mut u64 = counts.entry(*nr).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    counts
}

/// How many of the calls of a time fall into a rule's.
fn within(count: u64, time: Duration, per: Duration) -> u64 {
    if time <= per {
        return count;
    }
    let share = u128::from(count).saturating_mul(per.as_nanos()) / time.as_nanos();
    u64::try_from(share).unwrap_or(u64::MAX)
}

fn violation(
    rule: &Rule,
    workload: &WorkloadId,
    time: Timestamp,
    (syscall, count): (SyscallNr, u64),
) -> Violation {
    Violation {
        time,
        workload: workload.clone(),
        rule: rule.name.clone(),
        syscall,
        count,
        over: rule.over,
        per: rule.per,
        then: rule.then,
        caller: None,
    }
}
