//! From `SYSCALL` instructions to numbers: through every function that gets the number from its callers, to a fixed
//! point. No function is known by its name, but for one that the runtime hands its number in memory.

mod variables;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::globals;
use super::ir::{Op, Place};
use super::resolve::{Budget, Lost, Origins};
use super::returns::Returns;
use super::text::{FunctionId, Language, Text};

/// Bytes that are decoded and steps that are followed in all, two seconds' worth; prometheus takes a fifteenth of it.
const MOST_STEPS: u64 = 30_000_000;
/// Ways in which numbers are handed on; real programs have some dozen.
pub(super) const MOST_WRAPPERS: usize = 1000;
/// Wrappers around wrappers; real programs have five.
const MOST_CHAINED: usize = 16;
/// Places that are told of; real programs have some thousand.
const MOST_FOUND: usize = 1 << 15;

/// Functions named [`PER_THREAD`] that are taken for it.
const MOST_PER_THREAD: usize = 4;
const PER_THREAD: &str = "runtime.runPerThreadSyscall";
const FOR_ALL_THREADS: &str = "syscall.runtime_doAllThreadsSyscall";

/// Where a number was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// The function that sets the number.
    pub(super) function: FunctionId,
    /// Its instruction that calls the kernel, or the first wrapper.
    pub(super) address: u64,
    /// The functions that hand the number on, the one that calls the kernel last.
    pub(super) wrappers: Vec<FunctionId>,
}

/// A number that was not found, and where the trace ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Missing {
    /// Where the kernel, or a wrapper, is called with it.
    pub(super) call: Found,
    /// Where it comes from.
    pub(super) from: u64,
    pub(super) why: Why,
}

/// Why a number was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The trace of the value ended.
    Lost(Lost),
    /// The function that hands the number on is used as a value, so its callers can't be told.
    FunctionValue,
    /// Nothing calls the function that hands the number on, as far as can be seen.
    NoCaller,
    /// It comes from a variable whose address is taken.
    Variable,
    /// It is not a number that the kernel knows.
    NoNumber,
    /// It is one of the 32-bit ABI, whatever it is: the kernel is called by `INT 0x80` or `SYSENTER`.
    ForeignAbi,
}

/// All numbers of a program.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) found: BTreeMap<u64, BTreeSet<Found>>,
    pub(super) missing: BTreeSet<Missing>,
    /// The functions that hand numbers on, and where they get them.
    pub(super) wrappers: BTreeMap<(FunctionId, Place), Vec<FunctionId>>,
}

/// Finds the numbers with which `text` can call the kernel. Only the functions in `live` count. `seeds` are functions
/// that are known to hand a number on.
pub(super) fn numbers(
    text: &Text<'_>,
    live: &dyn Fn(FunctionId) -> bool,
    seeds: &[(FunctionId, Place)],
) -> Numbers {
    let mut search = Search {
        text,
        live,
        numbers: Numbers::default(),
        pending: VecDeque::new(),
        globals: BTreeMap::new(),
        pointers: BTreeMap::new(),
        returns: Returns::default(),
        budget: Budget::new(MOST_STEPS),
        told: 0,
        per_thread: BTreeSet::new(),
    };
    search.kernel_calls();
    for &(function, place) in seeds {
        search.hands_on(function, place, &[]);
    }
    loop {
        search.follow_wrappers();
        let is_more = search.follow_globals();
        if !search.follow_pointers() && !is_more {
            break;
        }
    }
    search.function_values();
    search.numbers
}

/// Tells of functions of C that hand a number on and are called by nobody: something leads there that is not seen.
/// Those that begin where `is_shared` holds are called by other files.
pub(super) fn uncalled(text: &Text<'_>, numbers: &mut Numbers, is_shared: impl Fn(u64) -> bool) {
    for (&(function, _), chain) in &numbers.wrappers {
        let start = text.function(function).range.start;
        let is_called = text.callers(function).next().is_some() || is_shared(start);
        if text.function(function).language == Language::C && !is_called {
            let call = Found { function, address: start, wrappers: chain.iter().skip(1).copied().collect() };
            numbers.missing.insert(Missing { call, from: start, why: Why::NoCaller });
        }
    }
}

struct Search<'a, 'data> {
    text: &'a Text<'data>,
    live: &'a dyn Fn(FunctionId) -> bool,
    numbers: Numbers,
    /// Wrappers whose callers are not yet looked at.
    pending: VecDeque<(FunctionId, Place)>,
    /// Variables that numbers come from, and for which calls; nothing left of those that are followed.
    globals: BTreeMap<u64, BTreeSet<Found>>,
    /// Variables with pointers, and how far above where they lead to numbers lie; as for `globals`.
    pointers: BTreeMap<(u64, i64), BTreeSet<Found>>,
    returns: Returns,
    budget: Budget,
    /// How many places were found.
    told: usize,
    /// Functions named [`PER_THREAD`] whose number was looked for.
    per_thread: BTreeSet<FunctionId>,
}

impl Search<'_, '_> {
    /// What calls the kernel itself.
    fn kernel_calls(&mut self) {
        for &function in self.text.callers_of_kernel() {
            if !(self.live)(function) {
                continue;
            }
            let number = Place::Register(self.text.convention(function).number);
            self.calls_in(function, &[], |op| matches!(op, Op::Syscall).then_some(number));
        }
    }

    /// Takes in where numbers come from at every step for which `place` says where they are.
    fn calls_in(
        &mut self,
        function: FunctionId,
        wrappers: &[FunctionId],
        place: impl Fn(Op) -> Option<Place>,
    ) {
        let found = |address| Found { function, address, wrappers: wrappers.to_vec() };
        let Some(flow) = self.text.flow(function, &mut self.budget) else {
            let start = self.text.function(function).range.start;
            return self.miss(&found(start), start, Why::Lost(Lost::TooMuch));
        };
        for (step, op) in flow.ops() {
            if op == Op::ForeignSyscall && wrappers.is_empty() {
                self.miss(&found(flow.address(step)), flow.address(step), Why::ForeignAbi);
            }
            let Some(place) = place(op) else { continue };
            let from = (step, place);
            let origins = self.returns.origins(self.text, function, &flow, from, &mut self.budget);
            self.take_in(&origins, &found(flow.address(step)));
        }
    }

    fn take_in(&mut self, origins: &Origins, call: &Found) {
        for &address in &origins.globals {
            // A place for which it comes from a variable is one that is told of, too.
            if self.told >= MOST_FOUND {
                self.miss(call, address, Why::Lost(Lost::TooMuch));
                break;
            }
            self.told += usize::from(self.globals.entry(address).or_default().insert(call.clone()));
        }
        for &pointer in &origins.pointed_to {
            if self.told >= MOST_FOUND {
                self.miss(call, pointer.0, Why::Lost(Lost::TooMuch));
                break;
            }
            self.told += usize::from(self.pointers.entry(pointer).or_default().insert(call.clone()));
        }
        self.take_in_values(origins, call, call.function);
    }

    /// Takes in all but variables. Arguments are those of `function`. What is told of a call once, that there is more
    /// than can be told, is not told again.
    fn take_in_values(&mut self, origins: &Origins, call: &Found, function: FunctionId) {
        for &number in &origins.constants {
            if !self.find(number, call) {
                break;
            }
        }
        for &place in &origins.arguments {
            if !self.hands_on(function, place, &call.wrappers) {
                break;
            }
        }
        for &(from, lost) in &origins.lost {
            self.miss(call, from, Why::Lost(lost));
        }
    }

    /// A function gets its number from its callers. Says whether there was room for one more.
    fn hands_on(&mut self, function: FunctionId, place: Place, wrappers: &[FunctionId]) -> bool {
        let key = (function, place);
        if self.numbers.wrappers.contains_key(&key) {
            return true;
        }
        if self.numbers.wrappers.len() >= MOST_WRAPPERS || wrappers.len() >= MOST_CHAINED {
            let start = self.text.function(function).range.start;
            let call = Found { function, address: start, wrappers: wrappers.to_vec() };
            self.miss(&call, start, Why::Lost(Lost::TooMuch));
            return false;
        }
        let chain = [&[function], wrappers].concat();
        self.numbers.wrappers.insert(key, chain);
        self.pending.push_back(key);
        true
    }

    fn follow_wrappers(&mut self) {
        while let Some((wrapper, place)) = self.pending.pop_front() {
            let chain = self.numbers.wrappers.get(&(wrapper, place)).cloned().unwrap_or_default();
            let entry = self.text.function(wrapper).range.start;
            let callers: Vec<_> = self.text.callers(wrapper).filter(|&caller| (self.live)(caller)).collect();
            for caller in callers {
                if !self.budget.take(1) {
                    let call = Found { function: wrapper, address: entry, wrappers: chain };
                    self.miss(&call, entry, Why::Lost(Lost::TooMuch));
                    break;
                }
                let return_address = self.text.convention(caller).return_address;
                self.calls_in(caller, &chain, |op| in_caller(op, entry, place, return_address));
            }
        }
    }

    /// A wrapper whose address lies in memory can be called from anywhere.
    fn function_values(&mut self) {
        let wrappers: BTreeMap<u64, (FunctionId, Vec<FunctionId>)> = self
            .numbers
            .wrappers
            .iter()
            .map(|(&(function, _), chain)| {
                (self.text.function(function).range.start, (function, chain.clone()))
            })
            .collect();
        for (place, entry) in globals::values_used(self.text, &wrappers, MOST_FOUND) {
            let Some((function, chain)) = wrappers.get(&entry).cloned() else { continue };
            let wrappers = chain.into_iter().skip(1).collect();
            self.miss(&Found { function, address: entry, wrappers }, place, Why::FunctionValue);
        }
    }

    /// The kernel looks at the lower half of the register only (`do_syscall_64`,
    /// `arch/x86/entry/syscall_64.c`, Linux 6.12). Says whether there was room for one more.
    fn find(&mut self, number: u64, call: &Found) -> bool {
        if self.told >= MOST_FOUND {
            self.miss(call, call.address, Why::Lost(Lost::TooMuch));
            return false;
        }
        let sites = self.numbers.found.entry(number & u64::from(u32::MAX)).or_default();
        self.told += usize::from(sites.insert(call.clone()));
        true
    }

    /// The one number that the runtime hands on in memory: for a call to be made by every thread, the first argument of
    /// [`FOR_ALL_THREADS`] is put into a variable, which [`PER_THREAD`] reads (`src/runtime/os_linux.go`, Go 1.19 to
    /// 1.27). In programs with cgo, nobody writes the variable.
    fn per_thread(&mut self, call: &Found) -> bool {
        if self.text.function(call.function).name != PER_THREAD {
            return false;
        }
        if self.per_thread.contains(&call.function) {
            return true;
        }
        // There is one: of more, each would have all functions looked through.
        if self.per_thread.len() >= MOST_PER_THREAD {
            return false;
        }
        self.per_thread.insert(call.function);
        for (function, _) in (0..).zip(self.text.functions()).filter(|(_, one)| one.name == FOR_ALL_THREADS) {
            let number = Place::Register(self.text.convention(function).first_argument);
            let chain = [&[call.function], &*call.wrappers].concat();
            if !self.hands_on(function, number, &chain) {
                break;
            }
        }
        true
    }

    fn miss(&mut self, call: &Found, from: u64, why: Why) {
        if self.per_thread(call) {
            return;
        }
        // So many say enough: that there are more changes nothing.
        if self.numbers.missing.len() < MOST_FOUND {
            self.numbers.missing.insert(Missing { call: call.clone(), from, why });
        }
    }
}

/// Where a caller puts what the function at `entry` expects at `place`, if it is called here.
fn in_caller(op: Op, entry: u64, place: Place, return_address: i64) -> Option<Place> {
    let (target, depth, pushed) = match op {
        Op::Call { target, depth } => (target?, depth, return_address),
        Op::Jump { target, depth } => (target?, depth, 0),
        Op::Branch { target, depth } => (target, depth, 0),
        _ => return None,
    };
    if target != entry {
        return None;
    }
    match place {
        Place::Register(_) => Some(place),
        // Where the caller's own stack pointer is not known, no store matches, and the trace says so.
        Place::Slot(slot) => {
            Some(Place::Slot(depth.unwrap_or(i64::MIN / 2).checked_add(slot)?.checked_sub(pushed)?))
        }
        Place::Behind { pointer, offset } => {
            in_caller(op, entry, pointer.into(), return_address)?.behind(offset)
        }
    }
}
