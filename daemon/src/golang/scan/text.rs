//! A program's code: its functions, who may call whom, and where the kernel may be called.

use std::borrow::Cow;
use std::ops::Range;

use super::amd64::{self, Candidate};
use super::flow::Flow;
use super::ir::Convention;
use super::resolve::Budget;
use crate::golang::image::{Access, Image};

/// Code that is longer than that is not followed; the longest functions of real programs have a few 100 KiB.
const MOST_FUNCTION_BYTES: u64 = 1 << 20;
/// Steps of one function: a hundred bytes are kept of each. Real code of that size has half as many.
const MOST_STEPS: usize = 1 << 19;
/// Calls that are recorded; prometheus, with 60,000 functions, has half a million.
const MOST_CALLS: usize = 4 << 20;

/// A function's number in [`Text`].
pub(super) type FunctionId = u32;

/// What a function was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Language {
    Go,
    /// Anything that keeps to C's calling convention.
    C,
}

/// A function as it lies in memory.
#[derive(Debug, Clone)]
pub(super) struct Function<'data> {
    pub(super) name: Cow<'data, str>,
    pub(super) range: Range<u64>,
    pub(super) language: Language,
}

/// A program's functions in the order of their addresses, none of them overlapping.
#[derive(Debug)]
pub(super) struct Text<'data> {
    image: &'data Image<'data>,
    functions: Vec<Function<'data>>,
    /// (called, caller), sorted, each once.
    calls: Vec<(FunctionId, FunctionId)>,
    /// What may call the kernel.
    callers_of_kernel: Vec<FunctionId>,
    /// Whether there were more calls than are recorded.
    is_cut: bool,
}

impl<'data> Text<'data> {
    /// Looks through the code of these functions. Nothing is kept of it but who may call whom.
    pub(super) fn new(image: &'data Image<'data>, mut functions: Vec<Function<'data>>) -> Self {
        functions.sort_by_key(|function| function.range.start);
        functions.dedup_by_key(|function| function.range.start);
        for number in 1..functions.len() {
            let next = functions[number].range.start;
            let end = &mut functions[number - 1].range.end;
            *end = next.min(*end);
        }
        let (calls, callers_of_kernel) = (Vec::new(), Vec::new());
        let mut text = Self { image, functions, calls, callers_of_kernel, is_cut: false };
        text.look_through();
        text
    }

    fn look_through(&mut self) {
        let entries = Entries::new(&self.functions);
        let mut calls = Vec::new();
        let (mut callers_of_kernel, mut is_cut) = (Vec::new(), false);
        for (id, function) in (0..).zip(&self.functions) {
            let first = calls.len();
            amd64::candidates(self.code(function), function.range.start, |candidate| match candidate {
                Candidate::Syscall => callers_of_kernel.push(id),
                Candidate::Target(target) if !entries.contains(target) => {}
                Candidate::Target(_) if calls.len() >= MOST_CALLS => is_cut = true,
                Candidate::Target(target) => {
                    calls.extend(self.beginning_at(target).map(|called| (called, id)));
                }
            });
            // A function calls the same one again and again.
            calls[first..].sort_unstable();
            let mut kept = first;
            for at in first..calls.len() {
                if at == first || calls[at] != calls[at - 1] {
                    calls[kept] = calls[at];
                    kept += 1;
                }
            }
            calls.truncate(kept);
        }
        callers_of_kernel.dedup();
        calls.sort_unstable();
        calls.shrink_to_fit();
        (self.calls, self.callers_of_kernel, self.is_cut) = (calls, callers_of_kernel, is_cut);
    }

    /// Whether there are more calls than are recorded, so that callers of some functions are not known.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The file that it is of.
    pub(super) fn image(&self) -> &'data Image<'data> {
        self.image
    }

    /// All functions, by number.
    pub(super) fn functions(&self) -> &[Function<'data>] {
        &self.functions
    }

    pub(super) fn function(&self, id: FunctionId) -> &Function<'data> {
        &self.functions[id as usize]
    }

    /// What may call the kernel itself.
    pub(super) fn callers_of_kernel(&self) -> &[FunctionId] {
        &self.callers_of_kernel
    }

    /// What may call this function directly.
    pub(super) fn callers(&self, called: FunctionId) -> impl Iterator<Item = FunctionId> + '_ {
        let first = self.calls.partition_point(|&(other, _)| other < called);
        let calls = self.calls[first..].iter();
        calls.take_while(move |&&(other, _)| other == called).map(|&(_, caller)| caller)
    }

    /// The function that begins at this address.
    pub(super) fn beginning_at(&self, address: u64) -> Option<FunctionId> {
        let found = self.functions.binary_search_by_key(&address, |function| function.range.start).ok()?;
        u32::try_from(found).ok()
    }

    /// The function that this address lies in.
    pub(super) fn containing(&self, address: u64) -> Option<FunctionId> {
        let after = self.functions.partition_point(|function| function.range.start <= address);
        let found = after.checked_sub(1)?;
        let inside = self.functions[found].range.contains(&address);
        inside.then(|| u32::try_from(found).ok()).flatten()
    }

    /// The functions that may refer to an address for which this holds.
    pub(super) fn referring(&self, wanted: impl Fn(u64) -> bool) -> Vec<FunctionId> {
        let mut found = Vec::new();
        for (id, function) in (0..).zip(&self.functions) {
            let mut is_one = false;
            amd64::references(self.code(function), function.range.start, |to| is_one |= wanted(to));
            if is_one {
                found.push(id);
            }
        }
        found
    }

    /// How this function uses registers.
    pub(super) fn convention(&self, id: FunctionId) -> &'static Convention {
        match self.function(id).language {
            Language::Go => &amd64::GO,
            Language::C => &amd64::C,
        }
    }

    /// The function decoded, unless it is too large or too intricate.
    pub(super) fn flow(&self, id: FunctionId, budget: &mut Budget) -> Option<Flow> {
        let function = self.function(id);
        let length = function.range.end.saturating_sub(function.range.start);
        if length > MOST_FUNCTION_BYTES || !budget.take(length) {
            return None;
        }
        let steps = amd64::decode(self.code(function), function.range.start, MOST_STEPS)?;
        Some(Flow::new(steps, function.range.start, self.convention(id)))
    }

    fn code(&self, function: &Function<'_>) -> &'data [u8] {
        let code = self.image.bytes_at(function.range.start).unwrap_or_default();
        let length = function.range.end.saturating_sub(function.range.start);
        &code[..usize::try_from(length).unwrap_or(usize::MAX).min(code.len())]
    }
}

/// Gives what lies between functions, sorted, to the function before it: the tables for unwinding end some of them in
/// the middle, where a new thread begins. Returns what then is left of the executable parts.
pub(super) fn fill(image: &Image<'_>, functions: &mut [Range<u64>]) -> Vec<Range<u64>> {
    for gap in gaps(image, functions) {
        let before = functions.partition_point(|function| function.start < gap.start);
        if let Some(function) = before.checked_sub(1).and_then(|at| functions.get_mut(at))
            && function.end == gap.start
        {
            function.end = gap.end;
        }
    }
    gaps(image, functions)
}

/// The executable parts of a file that these functions, sorted, leave over.
pub(super) fn gaps(image: &Image<'_>, functions: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut gaps = Vec::new();
    for segment in image.segments().iter().filter(|segment| segment.access == Access::Executable) {
        let whole = segment.range();
        let mut start = whole.start;
        let first = functions.partition_point(|function| function.end <= whole.start);
        for function in functions[first..].iter().take_while(|function| function.start < whole.end) {
            if start < function.start {
                gaps.push(start..function.start);
            }
            start = start.max(function.end);
        }
        if start < whole.end {
            gaps.push(start..whole.end);
        }
    }
    gaps
}

/// The addresses at which functions begin: one bit for each that could be one.
struct Entries {
    first: u64,
    bits: Vec<u64>,
}

/// The range of addresses that the bits span; the text of real programs has some 10 MiB.
const MOST_TEXT_BYTES: u64 = 1 << 28;

impl Entries {
    fn new(functions: &[Function<'_>]) -> Self {
        let first = functions.first().map_or(0, |function| function.range.start);
        let last = functions.last().map_or(0, |function| function.range.start);
        let length = (last - first).min(MOST_TEXT_BYTES) / 64 + 1;
        let mut bits = vec![0; usize::try_from(length).unwrap_or_default()];
        for function in functions {
            let place = function.range.start - first;
            if let Some(bits) = bits.get_mut(usize::try_from(place / 64).unwrap_or(usize::MAX)) {
                *bits |= 1_u64 << (place % 64);
            }
        }
        Self { first, bits }
    }

    fn contains(&self, address: u64) -> bool {
        let Some(place) = address.checked_sub(self.first) else { return false };
        let bits = usize::try_from(place / 64).ok().and_then(|place| self.bits.get(place));
        // Beyond the bits everything is looked up.
        bits.is_none_or(|bits| bits >> (place % 64) & 1 == 1)
    }
}
