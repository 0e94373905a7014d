//! A function as a graph of steps, with every stack address counted from the function's entry.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use super::ir::{Base, Convention, Op, Operand, Registers, Step};

/// A function's steps, and from where each is reached.
#[derive(Debug)]
pub(super) struct Flow {
    steps: Vec<Step>,
    /// Where a step's predecessors begin in `before`; one more than there are steps.
    starts: Vec<u32>,
    before: Vec<u32>,
    address: u64,
}

/// The heights of both pointers above the entry's stack pointer, where they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Heights {
    stack: Option<i64>,
    frame: Option<i64>,
}

impl Flow {
    /// Links the steps of the function at `address`.
    pub(super) fn new(mut steps: Vec<Step>, address: u64, convention: &Convention) -> Self {
        let mut edges = edges(&steps, address);
        let heights = heights(&steps, &mut edges, convention);
        // Behind a call that never returns lies code of elsewhere: its stack is another.
        edges.retain(|&(from, to)| {
            let (Some(Some(here)), Some(Some(there))) =
                (heights.get(from as usize), heights.get(to as usize))
            else {
                return true;
            };
            let is_call = matches!(steps[from as usize].op, Op::Call { .. });
            !is_call || here.stack.is_none() || there.stack.is_none() || here.stack == there.stack
        });
        for (step, heights) in steps.iter_mut().zip(heights) {
            step.op = settled(step.op, heights.unwrap_or_default(), convention);
        }
        let starts = index(&mut edges, steps.len(), |&(_, to)| to);
        let before = edges.into_iter().map(|(from, _)| from).collect();
        Self { steps, starts, before, address }
    }

    /// The effect of a step.
    pub(super) fn op(&self, step: u32) -> Op {
        self.steps.get(step as usize).map_or(Op::Nothing, |step| step.op)
    }

    /// Where a step's instruction lies.
    pub(super) fn address(&self, step: u32) -> u64 {
        let offset = self.steps.get(step as usize).map_or(0, |step| step.offset);
        self.address.saturating_add(offset.into())
    }

    /// All steps with their effects.
    pub(super) fn ops(&self) -> impl Iterator<Item = (u32, Op)> {
        (0..).zip(&self.steps).map(|(number, step)| (number, step.op))
    }

    /// The steps that are reached from each one, which are its function's own.
    pub(super) fn after(&self) -> Vec<Vec<u32>> {
        let mut after = vec![Vec::new(); self.steps.len()];
        for step in (0..).take(self.steps.len()) {
            for &before in self.before(step) {
                after[before as usize].push(step);
            }
        }
        after
    }

    /// Every step from which this one is reached over others, and itself. Nothing if `may` refuses, which is asked at
    /// each of them, with how many lead right there.
    pub(super) fn leading_to(&self, step: u32, mut may: impl FnMut(usize) -> bool) -> Option<BTreeSet<u32>> {
        let (mut all, mut pending) = (BTreeSet::from([step]), vec![step]);
        while let Some(step) = pending.pop() {
            let before = self.before(step);
            if !may(before.len()) {
                return None;
            }
            pending.extend(before.iter().copied().filter(|&before| all.insert(before)));
        }
        Some(all)
    }

    /// The steps of the instruction at this address.
    pub(super) fn at(&self, address: u64) -> Range<u32> {
        let offset = address.saturating_sub(self.address);
        let before = |is_before: fn(u64, u64) -> bool| {
            let number = self.steps.partition_point(|step| is_before(step.offset.into(), offset));
            u32::try_from(number).unwrap_or(u32::MAX)
        };
        before(|step, here| step < here)..before(|step, here| step <= here)
    }

    /// The steps from which this one is reached.
    pub(super) fn before(&self, step: u32) -> &[u32] {
        let at = |number: usize| self.starts.get(number).map_or(0, |&start| start as usize);
        self.before.get(at(step as usize)..at(step as usize + 1)).unwrap_or_default()
    }
}

/// Sorts by one end, and says where the edges of each step begin.
fn index(edges: &mut [(u32, u32)], steps: usize, end: impl Fn(&(u32, u32)) -> u32) -> Vec<u32> {
    edges.sort_unstable_by_key(&end);
    let mut starts = vec![0; steps + 1];
    for edge in edges.iter() {
        if let Some(count) = starts.get_mut(end(edge) as usize + 1) {
            *count += 1;
        }
    }
    for number in 1..starts.len() {
        starts[number] += starts[number - 1];
    }
    starts
}

/// All (from, to) within the function.
fn edges(steps: &[Step], address: u64) -> Vec<(u32, u32)> {
    // An instruction without an effect has no step of its own: it leads to the next one that has.
    let inside = |target: u64| {
        let offset = u32::try_from(target.checked_sub(address)?).ok()?;
        let first = steps.partition_point(|step| step.offset < offset);
        (first < steps.len()).then(|| u32::try_from(first).ok()).flatten()
    };
    let mut edges = Vec::with_capacity(steps.len());
    let mut is_reached = vec![false; steps.len()];
    let mut add = |from: u32, to: u32| {
        if let Some(reached) = is_reached.get_mut(to as usize) {
            *reached = true;
            edges.push((from, to));
        }
    };
    let mut computed = Vec::new();
    for (number, step) in (0..).zip(steps) {
        match step.op {
            Op::Return | Op::Trap => {}
            Op::Jump { target: Some(target), .. } => {
                if let Some(to) = inside(target) {
                    add(number, to);
                }
            }
            Op::Jump { target: None, .. } => computed.push(number),
            Op::Branch { target, .. } => {
                if let Some(to) = inside(target) {
                    add(number, to);
                }
                add(number, number + 1);
            }
            _ => add(number, number + 1),
        }
    }
    // A computed jump leads to what nothing else leads to: the cases of a switch.
    if let Some(&jump) = computed.first() {
        let unreached = (1_u32..).zip(is_reached.iter().skip(1)).filter(|(_, reached)| !**reached);
        let all: Vec<u32> = unreached.map(|(number, _)| number).collect();
        // From one of them is enough where there are several: they read the same variables.
        edges.extend(all.into_iter().map(|to| (jump, to)));
    }
    edges
}

/// Follows the stack pointer through the function. What lies behind a call comes last, as the call may be one that
/// never returns; what is known of a step first stays.
fn heights(steps: &[Step], edges: &mut [(u32, u32)], convention: &Convention) -> Vec<Option<Heights>> {
    let starts = index(edges, steps.len(), |&(from, _)| from);
    let at = |number: u32| starts.get(number as usize).map_or(0, |&start| start as usize);
    let mut heights: Vec<Option<Heights>> = vec![None; steps.len()];
    let mut pending = vec![(0_u32, Heights { stack: Some(0), frame: None })];
    let mut behind_calls = VecDeque::new();
    while let Some((number, here)) = pending.pop().or_else(|| behind_calls.pop_front()) {
        let Some(there @ None) = heights.get_mut(number as usize) else { continue };
        *there = Some(here);
        let op = steps[number as usize].op;
        let next = here.after(op, convention);
        let successors = edges.get(at(number)..at(number + 1)).unwrap_or_default();
        let successors = successors.iter().map(|&(_, to)| (to, next));
        match op {
            Op::Call { .. } => behind_calls.extend(successors),
            _ => pending.extend(successors),
        }
    }
    heights
}

impl Heights {
    fn of(self, base: Base) -> Option<i64> {
        match base {
            Base::Stack => self.stack,
            Base::Frame => self.frame,
            Base::Entry => Some(0),
        }
    }

    fn after(self, op: Op, convention: &Convention) -> Self {
        let mut next = self;
        let from = |base: Base, offset: i64| self.of(base)?.checked_add(offset);
        match op {
            Op::MoveStack { by } => next.stack = from(Base::Stack, by),
            Op::SetStack { base, offset } => next.stack = from(base, offset),
            Op::SetFrame { base, offset } => next.frame = from(base, offset),
            Op::Clobber { registers } => {
                next.stack = next.stack.filter(|_| !registers.contains(convention.stack));
                next.frame = next.frame.filter(|_| !registers.contains(convention.frame));
            }
            Op::Set { to, .. }
            | Op::MaybeSet { to, .. }
            | Op::LoadStack { to, .. }
            | Op::LoadGlobal { to, .. }
            | Op::Load { to, .. }
            | Op::StackAddress { to, .. }
            | Op::Address { to, .. } => {
                next.stack = next.stack.filter(|_| to != convention.stack);
                next.frame = next.frame.filter(|_| to != convention.frame);
            }
            _ => {}
        }
        next
    }
}

/// The same effect, counted from the entry, or as unknown as the pointers are.
fn settled(op: Op, heights: Heights, convention: &Convention) -> Op {
    let from = |base, offset: i64| heights.of(base)?.checked_add(offset);
    let depth = heights.stack;
    match op {
        Op::LoadStack { to, base, offset } => match from(base, offset) {
            Some(offset) => Op::LoadStack { to, base: Base::Entry, offset },
            // Then it is a register as any other.
            None if base == Base::Frame => Op::Load { to, from: convention.frame, offset },
            None => Op::Set { to, value: Operand::Unknown },
        },
        Op::Set { to, value: Operand::Register(register) } if register == convention.stack => {
            settled(Op::StackAddress { to, base: Base::Stack, offset: 0 }, heights, convention)
        }
        Op::Set { to, value: Operand::Register(register) }
            if register == convention.frame && heights.frame.is_some() =>
        {
            settled(Op::StackAddress { to, base: Base::Frame, offset: 0 }, heights, convention)
        }
        Op::StackAddress { to, base, offset } => match from(base, offset) {
            Some(offset) => Op::StackAddress { to, base: Base::Entry, offset },
            None => Op::Clobber { registers: Registers::of(&[to]) },
        },
        Op::StoreStack { base, offset, size, value } => match from(base, offset) {
            Some(offset) => Op::StoreStack { base: Base::Entry, offset, size, value },
            None if base == Base::Frame => Op::Store { offset, size },
            None => Op::Nothing,
        },
        Op::Call { target, .. } => Op::Call { target, depth },
        Op::Jump { target, .. } => Op::Jump { target, depth },
        Op::Branch { target, .. } => Op::Branch { target, depth },
        other => other,
    }
}
