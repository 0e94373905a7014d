//! What is kept of a scan: calls without their places.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Origin, Reach, Scan};
use crate::golang::is_standard_library;
use crate::model::{Reachable, Reached, ScanLimits};

/// Packages that are kept of one call. Few tell most; a call that everybody makes has hundreds.
const MOST_PACKAGES: usize = 5;

impl Scan {
    /// What a profile keeps of it.
    pub fn reachable(&self) -> Reachable {
        let limits = ScanLimits { unresolved: self.unresolved.len() as u64, gaps: self.gaps.clone() };
        let syscalls = self.syscalls.iter().map(|(nr, reach)| (*nr, reach.reached()));
        Reachable { syscalls: syscalls.collect(), limits }
    }
}

impl Reach {
    fn reached(&self) -> Reached {
        let packages = self.packages_by_interest().into_iter().take(MOST_PACKAGES);
        Reached {
            packages: packages.map(Arc::from).collect(),
            is_go: self.origins.contains(&Origin::Go),
            is_optional: self.is_optional,
        }
    }

    /// The packages, those outside the standard library first.
    pub fn packages_by_interest(&self) -> Vec<&str> {
        by_interest(&self.packages)
    }
}

/// Packages, those outside the standard library first.
pub fn by_interest(packages: &BTreeSet<String>) -> Vec<&str> {
    let mut packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    packages.sort_by_key(|package| (is_standard_library(package), *package));
    packages
}
