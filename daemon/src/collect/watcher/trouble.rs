//! What failed, and what was lost by it: each part for itself, and the others go on.

use std::collections::BTreeMap;
use std::mem;

use crate::collect::error::Error;
use crate::model::{Losses, chain};

/// Failures that are told of between two polls; the rest is a number.
const MOST_FAILURES: usize = 32;

/// Counts what was lost, and keeps words on what failed.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    failures: Vec<String>,
    untold: u64,
    own: BTreeMap<&'static str, u64>,
    kernel: BTreeMap<&'static str, u64>,
    pub(super) passed_over: u64,
}

impl Trouble {
    /// Something was lost, for a reason that needs no words.
    pub(super) fn lost(&mut self, reason: &'static str) {
        *self.own.entry(reason).or_default() += 1;
    }

    /// A part failed. `reason` is what is lost by it.
    pub(super) fn failed(&mut self, reason: &'static str, error: &Error) {
        self.lost(reason);
        if self.failures.len() >= MOST_FAILURES {
            self.untold += 1;
            return;
        }
        let text = chain(error);
        if !self.failures.contains(&text) {
            self.failures.push(text);
        }
    }

    /// Takes in of how many stacks nobody could say who called, so far.
    pub(super) fn note_unnamed(&mut self, stacks: u64) {
        if stacks > 0 {
            self.own.insert("stacks_unnamed", stacks);
        }
    }

    /// Takes in how many scans failed so far.
    pub(super) fn note_unscanned(&mut self, scans: u64) {
        if scans > 0 {
            self.own.insert("scans_failed", scans);
        }
    }

    /// Takes in what the kernel side lost so far; says whether it lost events since the last time.
    pub(super) fn note_kernel(&mut self, losses: BTreeMap<&'static str, u64>) -> bool {
        let before = mem::replace(&mut self.kernel, losses);
        self.kernel.get("ring_full") > before.get("ring_full")
    }

    /// Everything that was lost so far and may be a part of a start. Too many argument values are none, nor are
    /// stacks and scans.
    pub(super) fn total(&self) -> u64 {
        let counted = |reason: &str| reason != "arguments_full" && Losses::may_hide_calls(reason);
        let kernel = self.kernel.iter().filter(|(reason, _)| counted(reason));
        kernel.map(|(_, count)| *count).sum()
    }

    /// All losses, by reason.
    pub(super) fn losses(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for (reason, count) in self.kernel.iter().chain(&self.own) {
            *all.entry((*reason).to_owned()).or_default() += *count;
        }
        all
    }

    /// What failed since the last time.
    pub(super) fn take_failures(&mut self) -> Vec<String> {
        let mut failures = mem::take(&mut self.failures);
        let untold = mem::take(&mut self.untold);
        if untold > 0 {
            failures.push(format!("{untold} more failures"));
        }
        failures
    }
}
