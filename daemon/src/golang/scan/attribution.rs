//! Which packages a system call is made for: from where it is made up the direct calls, to the first packages that
//! are neither of the standard library nor `golang.org/x/sys`. What the runtime does by itself is its own. Calls through interfaces and function values are not in that graph.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::text::{FunctionId, Language, Text};
use super::wrappers::Found;
use crate::golang::{is_standard_library, package_of};
use crate::model::{MAX_SYSCALLS, SyscallNr};

/// A set of system calls, one bit each.
type Calls = [u64; MAX_SYSCALLS as usize / 64];

/// The packages for which each call is made: those that hold one of its sites, and the first ones above them that are
/// neither of the standard library nor of `golang.org/x/sys`.
pub(super) fn packages(
    text: &Text<'_>,
    found: &BTreeMap<SyscallNr, BTreeSet<Found>>,
) -> BTreeMap<SyscallNr, BTreeSet<String>> {
    let mut spread = Spread::new(text);
    let mut packages = BTreeMap::<SyscallNr, BTreeSet<String>>::new();
    for (&nr, sites) in found {
        for site in sites {
            let mut one = Calls::default();
            one[nr.index() / 64] |= 1 << (nr.index() % 64);
            spread.add(site.function, one);
            packages.entry(nr).or_default().insert(package(text, site.function));
        }
    }
    for (function, calls) in spread.finish() {
        let name = package(text, function);
        for nr in (0..MAX_SYSCALLS).filter_map(SyscallNr::new) {
            if calls[nr.index() / 64] >> (nr.index() % 64) & 1 == 1 {
                packages.entry(nr).or_default().insert(name.clone());
            }
        }
    }
    packages
}

/// The package of a function; that of assembly without one is the runtime, and C has none of its own.
fn package(text: &Text<'_>, function: FunctionId) -> String {
    let function = text.function(function);
    match (function.language, package_of(&function.name)) {
        (Language::C, _) => "C".to_owned(),
        (Language::Go, package) if package.is_empty() => "runtime".to_owned(),
        (Language::Go, package) => package.into_owned(),
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

/// Calls on their way up.
struct Spread<'a, 'data> {
    text: &'a Text<'data>,
    calls: Vec<Calls>,
    pending: VecDeque<FunctionId>,
    is_pending: Vec<bool>,
    /// Functions by name, to find in which one a function literal stands.
    by_name: HashMap<&'a str, FunctionId>,
}

impl<'a, 'data> Spread<'a, 'data> {
    fn new(text: &'a Text<'data>) -> Self {
        let count = text.functions().len();
        let by_name = (0..).zip(text.functions()).map(|(id, function)| (&*function.name, id)).collect();
        Self {
            text,
            calls: vec![Calls::default(); count],
            pending: VecDeque::new(),
            is_pending: vec![false; count],
            by_name,
        }
    }

    fn add(&mut self, function: FunctionId, calls: Calls) {
        let mut is_new = false;
        for (known, more) in self.calls[function as usize].iter_mut().zip(calls) {
            is_new |= more & !*known != 0;
            *known |= more;
        }
        if is_new && !std::mem::replace(&mut self.is_pending[function as usize], true) {
            self.pending.push_back(function);
        }
    }

    /// The functions outside the standard library that calls got to.
    fn finish(mut self) -> BTreeMap<FunctionId, Calls> {
        let mut ends = BTreeMap::new();
        while let Some(function) = self.pending.pop_front() {
            self.is_pending[function as usize] = false;
            let calls = self.calls[function as usize];
            let name = &*self.text.function(function).name;
            let package = package(self.text, function);
            if !is_standard_library(&package) && !is_kernel_interface(&package) {
                ends.insert(function, calls);
                continue;
            }
            // The runtime acts for every package alike: what leads into it tells nothing.
            if is_runtime(&package) {
                continue;
            }
            for caller in self.text.callers(function) {
                self.add(caller, calls);
            }
            if let Some(outer) = outer(name).and_then(|outer| self.by_name.get(outer).copied()) {
                self.add(outer, calls);
            }
        }
        ends
    }
}

/// The function in which a function literal stands, which is the one that makes use of it: `a.F` of `a.F.func2`.
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
}
