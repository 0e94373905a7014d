//! System calls on their way up the direct calls, from where they are made to the first functions that are neither of
//! the standard library nor of `golang.org/x/sys`.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use super::resolve::Budget;
use super::text::{Function, FunctionId, Language, Text};
use crate::golang::{is_standard_library, package_of};
use crate::model::{MAX_SYSCALLS, SyscallNr};

/// Letters of names that are looked at, in fours, and calls that are followed.
const MOST_STEPS: u64 = 30_000_000;
/// A longer name is not looked up as that of a function around another.
const LONGEST_OUTER: usize = 1 << 10;

/// A set of system calls, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Calls([u64; MAX_SYSCALLS as usize / 64]);

impl Calls {
    /// The set of one call.
    pub(super) fn of(nr: SyscallNr) -> Self {
        let mut calls = Self::default();
        calls.0[nr.index() / 64] |= 1 << (nr.index() % 64);
        calls
    }

    /// Adds the calls of another set. Says whether one of them is new.
    pub(super) fn extend(&mut self, more: Self) -> bool {
        let mut is_new = false;
        for (known, more) in self.0.iter_mut().zip(more.0) {
            is_new |= more & !*known != 0;
            *known |= more;
        }
        is_new
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0 == [0; MAX_SYSCALLS as usize / 64]
    }

    /// The calls, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = SyscallNr> + '_ {
        let is_in = |nr: &SyscallNr| self.0[nr.index() / 64] >> (nr.index() % 64) & 1 == 1;
        (0..MAX_SYSCALLS).filter_map(SyscallNr::new).filter(is_in)
    }
}

/// What a function is to the calls that come up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Station {
    /// The standard library, or what only hands calls on to the kernel: who calls it is asked in turn.
    Passage,
    /// The runtime acts for every package alike: what leads into it tells nothing.
    Runtime,
    /// Code of the program or of its dependencies.
    End,
}

impl Station {
    pub(super) fn of(package: &str) -> Self {
        if is_runtime(package) {
            Self::Runtime
        } else if is_standard_library(package) || is_kernel_interface(package) {
            Self::Passage
        } else {
            Self::End
        }
    }
}

/// Calls on their way up.
pub(super) struct Spread<'a, 'data> {
    text: &'a Text<'data>,
    calls: Vec<Calls>,
    pending: VecDeque<FunctionId>,
    is_pending: Vec<bool>,
    /// Functions by name, to find in which one a function literal stands.
    by_name: HashMap<&'a str, FunctionId>,
    budget: Budget,
    /// Whether the budget was not enough.
    is_cut: bool,
}

impl<'a, 'data> Spread<'a, 'data> {
    pub(super) fn new(text: &'a Text<'data>) -> Self {
        let count = text.functions().len();
        let names = (0..).zip(text.functions()).map(|(id, function)| (&*function.name, id));
        let by_name = names.filter(|(name, _)| name.len() <= LONGEST_OUTER).collect();
        Self {
            text,
            calls: vec![Calls::default(); count],
            pending: VecDeque::new(),
            is_pending: vec![false; count],
            by_name,
            budget: Budget::new(MOST_STEPS),
            is_cut: false,
        }
    }

    /// Whether there was more than is followed.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The package of a function, as long as the budget lasts.
    pub(super) fn package(&mut self, function: FunctionId) -> Option<Cow<'a, str>> {
        let text = self.text;
        let function = text.function(function);
        self.is_cut |= !self.budget.take(1 + function.name.len() as u64 / 4);
        (!self.is_cut).then(|| package(function))
    }

    /// Lets calls begin at a function.
    pub(super) fn add(&mut self, function: FunctionId, calls: Calls) {
        let is_new = self.calls[function as usize].extend(calls);
        if is_new && !std::mem::replace(&mut self.is_pending[function as usize], true) {
            self.pending.push_back(function);
        }
    }

    /// Lets them go up as far as they go.
    pub(super) fn run(&mut self) {
        while let Some(function) = self.pending.pop_front() {
            self.is_pending[function as usize] = false;
            let calls = self.calls[function as usize];
            let Some(package) = self.package(function) else { break };
            if Station::of(&package) != Station::Passage {
                continue;
            }
            for caller in self.text.callers(function) {
                self.is_cut |= !self.budget.take(1);
                self.add(caller, calls);
            }
            if let Some(outer) = self.outer(function) {
                self.add(outer, calls);
            }
        }
    }

    /// Every function that calls got to.
    pub(super) fn reached(&self) -> impl Iterator<Item = (FunctionId, Calls)> + '_ {
        (0..).zip(self.calls.iter().copied()).filter(|(_, calls)| !calls.is_empty())
    }

    /// The function in which a function literal stands.
    pub(super) fn outer(&self, function: FunctionId) -> Option<FunctionId> {
        let outer = outer(&self.text.function(function).name)?;
        if outer.len() > LONGEST_OUTER {
            return None;
        }
        self.by_name.get(outer).copied()
    }
}

/// The package of a function; that of assembly without one is the runtime, and C has none of its own.
pub(super) fn package<'a>(function: &'a Function<'_>) -> Cow<'a, str> {
    match (function.language, package_of(&function.name)) {
        (Language::C, _) => Cow::Borrowed("C"),
        (Language::Go, package) if package.is_empty() => Cow::Borrowed("runtime"),
        (Language::Go, package) => package,
    }
}

/// Whether a package is part of Go's runtime: `runtime` itself, and what only it uses.
fn is_runtime(package: &str) -> bool {
    matches!(
        package.split('/').collect::<Vec<_>>()[..],
        ["runtime"] | ["runtime", "internal", ..] | ["internal", "runtime", ..]
    )
}

/// Whether a package only hands calls on to the kernel, as `syscall` does, also where it is vendored.
fn is_kernel_interface(package: &str) -> bool {
    package.rsplit("/vendor/").next().is_some_and(|package| package.starts_with("golang.org/x/sys/"))
}

/// The name of the function in which a function literal stands, which is the one that makes use of it: `a.F` of
/// `a.F.func2`.
fn outer(name: &str) -> Option<&str> {
    let (outer, own) = name.rsplit_once('.')?;
    let is_literal = ["func", "gowrap", "deferwrap"].into_iter().any(|kind| {
        own.strip_prefix(kind).is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    });
    (is_literal || own.bytes().all(|byte| byte.is_ascii_digit())).then_some(outer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that function literals lead to the function around them, and nothing else does.
    #[test]
    fn literals_stand_in_functions() {
        assert_eq!(outer("os/exec.(*Cmd).Start.func2"), Some("os/exec.(*Cmd).Start"));
        assert_eq!(outer("a.F.func1.2"), Some("a.F.func1"));
        assert_eq!(outer("a.F.gowrap1"), Some("a.F"));
        assert_eq!(outer("a.F"), None);
        assert_eq!(outer("memmove"), None);
    }

    /// Check that the runtime, what hands calls on, and everyone else's code are told apart.
    #[test]
    fn stations_are_told_apart() {
        for (package, station) in [
            ("runtime", Station::Runtime),
            ("internal/runtime/syscall", Station::Runtime),
            ("runtime/pprof", Station::Passage),
            ("os", Station::Passage),
            ("golang.org/x/sys/unix", Station::Passage),
            ("github.com/a/b/vendor/golang.org/x/sys/unix", Station::Passage),
            ("golang.org/x/net/ipv4", Station::End),
            ("main", Station::End),
            ("C", Station::End),
        ] {
            assert_eq!(Station::of(package), station, "{package}");
        }
    }

    /// Check that a set holds what was put in, in order, and says what is new.
    #[test]
    fn sets_of_calls_hold_every_number() {
        let nr = |number| SyscallNr::new(number).unwrap();
        let mut calls = Calls::default();
        assert!(calls.is_empty());
        for number in [511, 0, 64, 63] {
            assert!(calls.extend(Calls::of(nr(number))), "{number} is new");
            assert!(!calls.extend(Calls::of(nr(number))), "{number} is not new again");
        }
        assert_eq!(calls.iter().map(SyscallNr::get).collect::<Vec<_>>(), [0, 63, 64, 511]);
    }
}
