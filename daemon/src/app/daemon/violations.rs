//! Rules that were broken: told once, counted, and kept for a while.

use std::collections::VecDeque;

use super::service::Daemon;
use crate::export::view::ViolationView;
use crate::kernel::Targets;
use crate::learn::rules::{Then, Violation};
use crate::syscalls::display_name;

/// The latest violations that are shown.
const MOST: usize = 200;

/// The latest violations, oldest first.
#[derive(Debug, Default)]
pub(super) struct Violations(VecDeque<ViolationView>);

impl Violations {
    fn push(&mut self, violation: ViolationView) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(violation);
    }

    /// As they are shown.
    pub(super) fn shown(&self) -> Vec<ViolationView> {
        self.0.iter().cloned().collect()
    }
}

impl<K: Targets> Daemon<K> {
    /// Tells violations, and notes them with their workloads.
    pub(super) fn violated(&mut self, violations: Vec<Violation>) {
        for violation in violations {
            self.tell(&violation);
            if let Some(known) = self.known(&violation.workload, violation.time) {
                known.violated(&violation);
            }
            self.violations.push(shown(violation));
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
            time = %violation.time,
            "rule broken"
        );
    }
}

fn shown(violation: Violation) -> ViolationView {
    ViolationView {
        time: violation.time,
        workload: violation.workload,
        rule: violation.rule,
        syscall: violation.syscall,
        count: violation.count,
        over: violation.over,
        per: violation.per,
        then: match violation.then {
            Then::Report => "report",
            Then::Deny => "deny",
            Then::Narrow => "narrow",
        },
    }
}
