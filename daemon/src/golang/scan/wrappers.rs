//! From `SYSCALL` instructions to numbers: through every function that gets the number from its callers, to a fixed
//! point. No function is known by its name, but for one that the runtime hands its number in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::globals::{self, Global, Store};
use super::ir::{Op, Place};
use super::resolve::{self, Budget, Lost, Origins};
use super::text::{FunctionId, Language, Text};

/// Bytes that are decoded and steps that are followed in all; prometheus takes a fiftieth of it.
const MOST_STEPS: u64 = 100_000_000;
/// Ways in which numbers are handed on; real programs have some dozen.
const MOST_WRAPPERS: usize = 1000;
/// Wrappers around wrappers; real programs have five.
const MOST_CHAINED: usize = 32;
/// Places that are told of; real programs have some thousand.
const MOST_FOUND: usize = 100_000;

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
        if !search.follow_globals() {
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
            return self.miss(found(start), start, Why::Lost(Lost::TooMuch));
        };
        for (step, op) in flow.ops() {
            let Some(place) = place(op) else { continue };
            let convention = self.text.convention(function);
            let origins = resolve::origins(&flow, convention, (step, place), &mut self.budget);
            self.take_in(&origins, &found(flow.address(step)));
        }
    }

    fn take_in(&mut self, origins: &Origins, call: &Found) {
        for &number in &origins.constants {
            self.find(number, call);
        }
        for &address in &origins.globals {
            self.globals.entry(address).or_default().insert(call.clone());
        }
        for &place in &origins.arguments {
            self.hands_on(call.function, place, &call.wrappers);
        }
        for &(from, lost) in &origins.lost {
            self.miss(call.clone(), from, Why::Lost(lost));
        }
    }

    /// A function gets its number from its callers.
    fn hands_on(&mut self, function: FunctionId, place: Place, wrappers: &[FunctionId]) {
        let key = (function, place);
        if self.numbers.wrappers.contains_key(&key) {
            return;
        }
        if self.numbers.wrappers.len() >= MOST_WRAPPERS || wrappers.len() >= MOST_CHAINED {
            let start = self.text.function(function).range.start;
            let call = Found { function, address: start, wrappers: wrappers.to_vec() };
            return self.miss(call, start, Why::Lost(Lost::TooMuch));
        }
        let chain = [&[function], wrappers].concat();
        self.numbers.wrappers.insert(key, chain);
        self.pending.push_back(key);
    }

    fn follow_wrappers(&mut self) {
        while let Some((wrapper, place)) = self.pending.pop_front() {
            let chain = self.numbers.wrappers.get(&(wrapper, place)).cloned().unwrap_or_default();
            let entry = self.text.function(wrapper).range.start;
            let callers: Vec<_> = self.text.callers(wrapper).filter(|&caller| (self.live)(caller)).collect();
            for caller in callers {
                let return_address = self.text.convention(caller).return_address;
                self.calls_in(caller, &chain, |op| in_caller(op, entry, place, return_address));
            }
        }
    }

    /// Looks up the variables that numbers come from. Says whether there was any.
    fn follow_globals(&mut self) -> bool {
        let wanted: Vec<(u64, BTreeSet<Found>)> = std::mem::take(&mut self.globals).into_iter().collect();
        if wanted.is_empty() {
            return false;
        }
        let addresses: BTreeSet<u64> = wanted.iter().map(|&(address, _)| address).collect();
        let stores = globals::stores(self.text, &addresses, &mut self.budget);
        for (address, calls) in wanted {
            let value = globals::value(self.text, address);
            let stores: Vec<_> = stores.iter().filter(|store| store.variable == address).collect();
            for call in &calls {
                self.global(call, address, &value);
                for store in &stores {
                    if !self.budget.take(1) {
                        self.miss(call.clone(), address, Why::Lost(Lost::TooMuch));
                        return false;
                    }
                    self.take_in_store(store, call);
                }
            }
        }
        true
    }

    fn global(&mut self, call: &Found, address: u64, value: &Global) {
        match *value {
            Global::Value(number) => self.find(number, call),
            Global::Outside => self.miss(call.clone(), address, Why::Variable),
        }
    }

    /// Takes in what is stored in the variable that a call gets its number from. One that is copied to itself says
    /// nothing new.
    fn take_in_store(&mut self, store: &Store, call: &Found) {
        for &number in &store.origins.constants {
            self.find(number, call);
        }
        for &place in &store.origins.arguments {
            self.hands_on(store.function, place, &call.wrappers);
        }
        for &other in store.origins.globals.iter().filter(|&&other| other != store.variable) {
            self.miss(call.clone(), other, Why::Variable);
        }
        for &(from, lost) in &store.origins.lost {
            self.miss(call.clone(), from, Why::Lost(lost));
        }
        if store.is_address {
            self.miss(call.clone(), store.variable, Why::Variable);
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
        for (place, entry) in globals::values_used(self.text, &wrappers) {
            let Some((function, chain)) = wrappers.get(&entry).cloned() else { continue };
            let wrappers = chain.into_iter().skip(1).collect();
            self.miss(Found { function, address: entry, wrappers }, place, Why::FunctionValue);
        }
    }

    /// The kernel looks at the lower half of the register only (`do_syscall_64`,
    /// `arch/x86/entry/syscall_64.c`, Linux 6.12).
    fn find(&mut self, number: u64, call: &Found) {
        if self.told >= MOST_FOUND {
            return self.miss(call.clone(), call.address, Why::Lost(Lost::TooMuch));
        }
        let sites = self.numbers.found.entry(number & u64::from(u32::MAX)).or_default();
        self.told += usize::from(sites.insert(call.clone()));
    }

    /// The one number that the runtime hands on in memory: for a call to be made by every thread, the first argument of
    /// [`FOR_ALL_THREADS`] is put into a variable, which [`PER_THREAD`] reads (`src/runtime/os_linux.go`, Go 1.19 to
    /// 1.27). In programs with cgo, nobody writes the variable.
    fn per_thread(&mut self, call: &Found) -> bool {
        if self.text.function(call.function).name != PER_THREAD {
            return false;
        }
        if !self.per_thread.insert(call.function) {
            return true;
        }
        for (function, _) in (0..).zip(self.text.functions()).filter(|(_, one)| one.name == FOR_ALL_THREADS) {
            let number = Place::Register(self.text.convention(function).first_argument);
            let chain = [&[call.function], &*call.wrappers].concat();
            self.hands_on(function, number, &chain);
        }
        true
    }

    fn miss(&mut self, call: Found, from: u64, why: Why) {
        if self.per_thread(&call) {
            return;
        }
        // So many say enough: that there are more changes nothing.
        if self.numbers.missing.len() < MOST_FOUND {
            self.numbers.missing.insert(Missing { call, from, why });
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
    }
}
