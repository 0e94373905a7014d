//! Rules that were broken: told once, counted, and kept for a while.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;

use super::service::Daemon;
use crate::collect::{Alert, Called};
use crate::kernel::Targets;
use crate::learn::rules::Violation;
use crate::model::{Callers, SyscallNr, WorkloadId};
use crate::syscalls::display_name;

/// The latest violations that are shown.
const MOST: usize = 200;

/// What is told of violations: copied when one comes while it is shown, not whenever it is.
#[derive(Debug, Default)]
pub(super) struct Violations {
    /// The latest, oldest first.
    latest: Arc<VecDeque<Violation>>,
    /// The latest by programs that were no workloads then, to be noted with them once they are.
    waiting: VecDeque<Violation>,
    /// How often such programs broke a rule, by rule and call.
    by_strangers: Arc<BTreeMap<(String, SyscallNr), u64>>,
}

impl Violations {
    fn push(&mut self, violation: Violation, is_by_stranger: bool) {
        if is_by_stranger {
            let key = (violation.rule.clone(), violation.syscall);
            let sum = Arc::make_mut(&mut self.by_strangers).entry(key).or_default();
            *sum = sum.saturating_add(1);
            push(&mut self.waiting, violation.clone());
        }
        push(Arc::make_mut(&mut self.latest), violation);
    }

    /// What a workload did before it was one, of the latest; once.
    pub(super) fn take_of(&mut self, workload: &WorkloadId) -> Vec<Violation> {
        let all = mem::take(&mut self.waiting).into_iter();
        let (its, others): (Vec<_>, Vec<_>) = all.partition(|violation| violation.workload == *workload);
        self.waiting = others.into();
        its
    }

    /// Takes in who made a call; gives the violations of which it was not known, or not that of the very call.
    fn made_by(&mut self, called: &Called) -> Vec<Violation> {
        let Called { workload, nr, caller } = called;
        let is_told =
            |one: &Violation| one.syscall == *nr && one.workload == *workload && one.learns_from(caller);
        if !self.latest.iter().any(is_told) {
            return Vec::new();
        }
        let callers = Callers::from(caller.clone());
        let told = Arc::make_mut(&mut self.latest).iter_mut().filter(|one| is_told(one));
        told.filter_map(|one| one.made_by(&callers).then(|| one.clone())).collect()
    }

    /// As they are shown.
    pub(super) fn shown(&self) -> Arc<VecDeque<Violation>> {
        Arc::clone(&self.latest)
    }

    /// How often programs broke rules that were no workloads then.
    pub(super) fn by_strangers(&self) -> Arc<BTreeMap<(String, SyscallNr), u64>> {
        Arc::clone(&self.by_strangers)
    }
}

/// Adds the newest; the oldest makes room.
fn push(violations: &mut VecDeque<Violation>, violation: Violation) {
    if violations.len() >= MOST {
        violations.pop_front();
    }
    violations.push_back(violation);
}

impl<K: Targets> Daemon<K> {
    /// Takes in a call that the kernel told of at once; says whether it broke a rule.
    pub(super) fn alerted(&mut self, alert: &Alert) -> bool {
        let Alert { time, workload, nr, arguments, .. } = alert;
        let found = if alert.is_workload || self.workloads.contains_key(workload) {
            self.thresholds.alert(*time, workload, *nr, *arguments)
        } else {
            self.thresholds.alert_of_stranger(*time, workload, *nr, *arguments)
        };
        let is_broken = !found.is_empty();
        self.violated(found);
        is_broken
    }

    /// Tells violations, and notes them with their workloads. A program that is none makes no series, and no file.
    pub(super) fn violated(&mut self, violations: Vec<Violation>) {
        for mut violation in violations {
            if let Some(known) = self.workloads.get(&violation.workload) {
                violation.made_by(&known.callers(violation.syscall));
            }
            self.tell(&violation);
            let is_by_stranger = self.thresholds.is_stranger(&violation.workload);
            if !is_by_stranger && let Some(known) = self.known(&violation.workload, violation.time) {
                known.violated(&violation);
            }
            self.violations.push(violation, is_by_stranger);
        }
    }

    /// Takes in who made calls, and tells it of those that broke a rule.
    pub(super) fn called(&mut self, called: &[Called]) {
        for violation in called.iter().flat_map(|one| self.violations.made_by(one)) {
            tracing::warn!(
                workload = %violation.workload,
                rule = violation.rule,
                syscall = display_name(self.host.arch, violation.syscall),
                by = violation.by(),
                this_call = violation.is_of_this_call(),
                goroutine = violation.caller.as_ref().and_then(|caller| caller.goroutine),
                time = %violation.time,
                "who broke the rule"
            );
        }
    }

    fn tell(&self, violation: &Violation) {
        tracing::warn!(
            workload = %violation.workload,
            rule = violation.rule,
            syscall = display_name(self.host.arch, violation.syscall),
            count = violation.count,
            over = violation.over,
            per = %humantime::format_duration(violation.per),
            then = %violation.then,
            by = violation.by(),
            this_call = violation.caller.as_ref().map(|_| violation.is_of_this_call()),
            goroutine = violation.caller.as_ref().and_then(|caller| caller.goroutine),
            time = %violation.time,
            "rule broken"
        );
    }
}
