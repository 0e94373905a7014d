//! Which functions of C never return: what is seen behind a call of one is never executed.
//!
//! Compilers end code with such a call, `abort` or `_exit` above all, and put other code right behind it. A function never
//! returns if no way through it leads to a return, to code that is not known, or to another function that may return.

use std::collections::{BTreeMap, BTreeSet};

use super::flow::Flow;
use super::ir::{Op, Place};
use super::resolve::{self, Budget, Lost, Origins};
use super::text::{FunctionId, Language, Text};

/// Functions that call functions, and so on: beyond that, one may return.
const MOST_NESTED: usize = 16;
/// A larger one may return: as many as are nested are kept decoded at once. `abort` and its like have some hundred.
const MOST_BYTES: u64 = 1 << 14;

/// What is known of functions so far.
#[derive(Debug, Default)]
pub(super) struct Returns {
    /// Those that are being looked at may return.
    never: BTreeMap<FunctionId, bool>,
}

impl Returns {
    /// As [`resolve::origins`], with ways left out that lead through calls in C that never return.
    pub(super) fn origins(
        &mut self,
        text: &Text<'_>,
        function: FunctionId,
        flow: &Flow,
        from: (u32, Place),
        budget: &mut Budget,
    ) -> Origins {
        let mut endless = BTreeSet::new();
        loop {
            let origins = resolve::origins(flow, text.convention(function), from, &endless, budget);
            let calls = origins.lost.iter().filter(|(_, why)| *why == Lost::AfterCall);
            let steps = calls.flat_map(|&(address, _)| flow.at(address));
            let more: Vec<u32> = match text.function(function).language {
                Language::Go => Vec::new(),
                Language::C => steps
                    .filter(|step| match flow.op(*step) {
                        Op::Call { target: Some(to), .. } if !endless.contains(step) => {
                            self.is_endless(text, to, 0, budget)
                        }
                        _ => false,
                    })
                    .collect(),
            };
            if more.is_empty() {
                return origins;
            }
            endless.extend(more);
        }
    }

    /// Whether the function that begins at this address never returns.
    fn is_endless(&mut self, text: &Text<'_>, address: u64, nested: usize, budget: &mut Budget) -> bool {
        let Some(function) = text.beginning_at(address).filter(|_| nested < MOST_NESTED) else {
            return false;
        };
        if let Some(&known) = self.never.get(&function) {
            return known;
        }
        self.never.insert(function, false);
        let range = text.function(function).range.clone();
        let is_small = range.end.saturating_sub(range.start) <= MOST_BYTES;
        let flow = if is_small { text.flow(function, budget) } else { None };
        let is_endless = flow.is_some_and(|flow| {
            self.leads_nowhere(text, &flow, |target| range.contains(&target), nested, budget)
        });
        self.never.insert(function, is_endless);
        is_endless
    }

    fn leads_nowhere(
        &mut self,
        text: &Text<'_>,
        flow: &Flow,
        is_inside: impl Fn(u64) -> bool,
        nested: usize,
        budget: &mut Budget,
    ) -> bool {
        let after = flow.after();
        let mut seen = BTreeSet::from([0]);
        let mut pending = vec![0];
        while let Some(step) = pending.pop() {
            let next = after.get(step as usize).map_or(&[][..], Vec::as_slice);
            let goes_on = match flow.op(step) {
                Op::Trap => false,
                Op::Return | Op::Jump { target: None, .. } => return false,
                Op::Call { target: Some(to), .. } => !self.is_endless(text, to, nested + 1, budget),
                Op::Jump { target: Some(to), .. } if is_inside(to) => true,
                Op::Jump { target: Some(to), .. } if self.is_endless(text, to, nested + 1, budget) => false,
                Op::Branch { target, .. } if !is_inside(target) => {
                    if !self.is_endless(text, target, nested + 1, budget) {
                        return false;
                    }
                    true
                }
                _ => true,
            };
            if !goes_on {
                continue;
            }
            // It leads out of the function.
            if next.is_empty() || !budget.take(1) {
                return false;
            }
            pending.extend(next.iter().copied().filter(|&step| seen.insert(step)));
        }
        true
    }
}
