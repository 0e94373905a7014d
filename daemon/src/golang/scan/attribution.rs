//! Which packages a system call is made for: from where it is made up the direct calls, to the first packages that
//! are neither of the standard library nor `golang.org/x/sys`. What the runtime does by itself is its own. Calls through
//! interfaces and function values are not in that graph.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::Sites;
use super::spread::{Calls, Spread, Station};
use super::text::Text;
use crate::model::SyscallNr;

/// Letters of packages that are told; prometheus has some 10 KiB.
const MOST_LETTERS: usize = 1 << 23;

/// The packages for which each call is made.
#[derive(Debug, Default)]
pub(super) struct Attributed {
    pub(super) packages: BTreeMap<SyscallNr, BTreeSet<String>>,
    /// Whether that is not all.
    pub(super) is_cut: bool,
}

/// The packages for which each call is made: those that hold one of its sites, and the first ones above them that are
/// neither of the standard library nor of `golang.org/x/sys`.
pub(super) fn packages(text: &Text<'_>, found: &Sites) -> Attributed {
    let mut spread = Spread::new(text);
    let mut by_package = BTreeMap::<Cow<'_, str>, Calls>::new();
    for (&nr, sites) in found {
        for site in sites {
            spread.add(site.function, Calls::of(nr));
            if let Some(package) = spread.package(site.function) {
                by_package.entry(package).or_default().extend(Calls::of(nr));
            }
        }
    }
    spread.run();
    for (function, calls) in spread.reached().collect::<Vec<_>>() {
        let Some(package) = spread.package(function) else { break };
        if Station::of(&package) == Station::End {
            by_package.entry(package).or_default().extend(calls);
        }
    }
    let mut attributed = Attributed { is_cut: spread.is_cut(), ..Attributed::default() };
    attributed.tell(by_package);
    attributed
}

impl Attributed {
    fn tell(&mut self, by_package: BTreeMap<Cow<'_, str>, Calls>) {
        let mut letters = MOST_LETTERS;
        for (package, calls) in by_package {
            for nr in calls.iter() {
                let Some(rest) = letters.checked_sub(package.len()) else {
                    self.is_cut = true;
                    return;
                };
                letters = rest;
                self.packages.entry(nr).or_default().insert(package.clone().into_owned());
            }
        }
    }
}
