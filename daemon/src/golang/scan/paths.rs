//! The ways on which a program's Go code comes to its system calls: which package outside the standard library leads
//! in, and through which package of the standard library.
//!
//! Computed only for who asks for a graph: a scan needs none of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::spread::{Calls, Spread, Station, package};
use super::text::{FunctionId, Language, Text};
use super::wrappers::Found;
use super::{Sites, child};
use crate::model::{Arch, SyscallNr};
use crate::syscalls::display_name;

/// Different ways that are kept; prometheus has some hundred.
const MOST_PATHS: usize = 1 << 14;
/// Letters of them that are kept.
const MOST_LETTERS: usize = 1 << 23;

/// How a program's Go code comes to its system calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paths {
    /// Every way, and the calls that are made on it.
    pub paths: BTreeMap<Path, BTreeSet<SyscallNr>>,
    /// There were too many packages or calls to keep them apart: some ways are without the package that leads in.
    pub is_shortened: bool,
}

/// One way to system calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// The package that leads in: the first one on the way up that is neither of the standard library nor
    /// `golang.org/x/sys`. Nothing where direct calls lead to none: the runtime, and what is called through interfaces
    /// and function values.
    pub from: Option<String>,
    /// Through what.
    pub gate: Gate,
    /// When the calls are made.
    pub condition: Condition,
}

/// What a package makes its system calls through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// A package of the standard library or of `golang.org/x/sys`: the one that is called, or that holds the site.
    Package(String),
    /// Its own machine code.
    Own,
}

/// When calls on a way are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Whatever the program sets.
    Plain,
    /// Between fork and exec, only for a field of `SysProcAttr` that the program sets.
    Options,
}

/// The ways to what was found in the Go code of a program.
pub(super) fn paths(text: &Text<'_>, arch: Arch, found: &Sites) -> Paths {
    let (sets, letters) = (BTreeMap::new(), MOST_LETTERS);
    let mut search = Search { text, sets, letters, is_shortened: false };
    let sites = go_sites(text, arch, found);
    for condition in [Condition::Plain, Condition::Options] {
        let mut spread = Spread::new(text);
        for &(nr, site, _) in sites.iter().filter(|site| site.2 == condition) {
            spread.add(site.function, Calls::of(nr));
            search.site(&mut spread, site, nr, condition);
        }
        spread.run();
        search.ways(&mut spread, condition);
    }
    search.finish(&sites)
}

type GoSite<'a> = (SyscallNr, &'a Found, Condition);

/// The sites in Go code, and when they are reached.
fn go_sites<'a>(text: &Text<'_>, arch: Arch, found: &'a Sites) -> Vec<GoSite<'a>> {
    let mut all = Vec::new();
    for (&nr, sites) in found {
        let name = display_name(arch, nr);
        for site in sites {
            let function = text.function(site.function);
            let is_optional = child::is_optional(&function.name, &name);
            let condition = if is_optional { Condition::Options } else { Condition::Plain };
            all.extend((function.language == Language::Go).then_some((nr, site, condition)));
        }
    }
    all
}

/// A way as it is found: names still lie in the file.
type Way<'a> = (Option<Cow<'a, str>>, Option<Cow<'a, str>>, Condition);

struct Search<'a, 'data> {
    text: &'a Text<'data>,
    sets: BTreeMap<Way<'a>, Calls>,
    /// How many more are kept.
    letters: usize,
    is_shortened: bool,
}

impl<'a, 'data> Search<'a, 'data> {
    fn add(&mut self, way: Way<'a>, calls: Calls) {
        if let Some(known) = self.sets.get_mut(&way) {
            known.extend(calls);
            return;
        }
        let letters = [&way.0, &way.1].into_iter().flatten().map(|package| package.len()).sum();
        match self.letters.checked_sub(letters).filter(|_| self.sets.len() < MOST_PATHS) {
            Some(rest) => {
                self.letters = rest;
                self.sets.insert(way, calls);
            }
            None => self.shorten(way.2, calls),
        }
    }

    /// Tells of calls without saying who leads to them.
    fn shorten(&mut self, condition: Condition, calls: Calls) {
        self.is_shortened = true;
        self.sets.entry((None, None, condition)).or_default().extend(calls);
    }

    /// A site outside the standard library leads in by itself, through the wrapper that it hands its number to. One in
    /// the runtime is reached by everyone.
    fn site(&mut self, spread: &mut Spread<'a, 'data>, site: &Found, nr: SyscallNr, condition: Condition) {
        let Some(from) = unvendored_of(spread, site.function) else {
            return self.shorten(condition, Calls::of(nr));
        };
        match Station::of(&from) {
            Station::End => {
                let mut wrappers = site.wrappers.iter().filter_map(|&wrapper| unvendored_of(spread, wrapper));
                let gate = wrappers.find(|wrapper| Station::of(wrapper) != Station::End);
                self.add((Some(from), gate, condition), Calls::of(nr));
            }
            Station::Runtime => self.add((None, Some(from), condition), Calls::of(nr)),
            Station::Passage => {}
        }
    }

    /// What leads to the calls that have spread.
    fn ways(&mut self, spread: &mut Spread<'a, 'data>, condition: Condition) {
        for (function, calls) in spread.reached().collect::<Vec<_>>() {
            if self.ways_to(spread, function, calls, condition).is_none() {
                self.shorten(condition, calls);
            }
        }
        // Then calls did not get to everyone who makes them.
        self.is_shortened |= spread.is_cut();
    }

    /// The same for one function. Nothing if not all callers could be looked at.
    fn ways_to(
        &mut self,
        spread: &mut Spread<'a, 'data>,
        function: FunctionId,
        calls: Calls,
        condition: Condition,
    ) -> Option<()> {
        let package = spread.package(function)?;
        if Station::of(&package) != Station::Passage {
            return Some(());
        }
        let gate = unvendored(package);
        let mut is_called = spread.outer(function).is_some();
        let is_other =
            |&caller: &FunctionId| caller != function && self.text.function(caller).language == Language::Go;
        for caller in self.text.callers(function).filter(is_other).collect::<Vec<_>>() {
            is_called = true;
            let from = unvendored_of(spread, caller)?;
            if Station::of(&from) == Station::End {
                self.add((Some(from), Some(gate.clone()), condition), calls);
            }
        }
        if !is_called {
            self.add((None, Some(gate), condition), calls);
        }
        Some(())
    }

    /// Sites that no way leads to, such as functions that only call each other, stand for themselves.
    fn finish(mut self, sites: &[GoSite<'_>]) -> Paths {
        let mut known = Calls::default();
        for calls in self.sets.values() {
            known.extend(*calls);
        }
        let known: BTreeSet<SyscallNr> = known.iter().collect();
        for &(nr, site, condition) in sites.iter().filter(|(nr, ..)| !known.contains(nr)) {
            let gate = unvendored(package(self.text.function(site.function)));
            self.add((None, Some(gate), condition), Calls::of(nr));
        }
        let path = |(from, gate, condition): Way<'_>| Path {
            from: from.map(Cow::into_owned),
            gate: gate.map_or(Gate::Own, |gate| Gate::Package(gate.into_owned())),
            condition,
        };
        let paths = self.sets.into_iter().map(|(way, calls)| (path(way), calls.iter().collect())).collect();
        Paths { paths, is_shortened: self.is_shortened }
    }
}

fn unvendored_of<'a>(spread: &mut Spread<'a, '_>, function: FunctionId) -> Option<Cow<'a, str>> {
    spread.package(function).map(unvendored)
}

/// A package without the folder that it is vendored in. That of the standard library's own keeps it.
fn unvendored(package: Cow<'_, str>) -> Cow<'_, str> {
    match package.rfind("/vendor/") {
        None => package,
        Some(at) => Cow::Owned(package[at + "/vendor/".len()..].to_owned()),
    }
}
