//! What a binary could ever call, as far as the scan of its code tells.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::SyscallNr;

/// What the scan of one binary found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Reachable {
    /// Every call that it can make.
    pub syscalls: BTreeMap<SyscallNr, Reached>,
    /// How much the scan could not find out.
    pub limits: ScanLimits,
}

/// How a binary can make one call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Reached {
    /// Some of the packages that it is made for, those outside the standard library before the others.
    pub packages: BTreeSet<Arc<str>>,
    /// Its Go code makes it; otherwise only libraries, the dynamic linker or whoever starts it do.
    pub is_go: bool,
    /// It is made only for options of `os/exec` (`SysProcAttr`) that few programs set.
    pub is_optional: bool,
}

/// What a scan could not find out. Where there is any, a call that was not found may be made all the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ScanLimits {
    /// Places that make a call whose number could not be found out.
    pub unresolved: u64,
    /// Parts of the program that could not be looked at.
    pub gaps: BTreeSet<String>,
}

impl Reachable {
    /// Takes in what another scan of the same binary found. Its libraries may have been others.
    pub fn absorb(&mut self, other: &Self) {
        self.limits.absorb(&other.limits);
        for (nr, reached) in &other.syscalls {
            match self.syscalls.get_mut(nr) {
                Some(known) => known.absorb(reached),
                None => drop(self.syscalls.insert(*nr, reached.clone())),
            }
        }
    }
}

impl Reached {
    /// Takes in how another binary can make the same call.
    pub fn absorb(&mut self, other: &Self) {
        self.packages.extend(other.packages.iter().cloned());
        self.is_go |= other.is_go;
        self.is_optional &= other.is_optional;
    }
}

impl ScanLimits {
    /// Whether everything was found out.
    pub fn is_whole(&self) -> bool {
        self.unresolved == 0 && self.gaps.is_empty()
    }

    /// Takes in what another scan of the same binary could not find out.
    pub fn absorb(&mut self, other: &Self) {
        self.unresolved = self.unresolved.max(other.unresolved);
        self.gaps.extend(other.gaps.iter().cloned());
    }
}
