//! What a binary could ever call, as files have it: those of observations, baselines and profiles.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::files::unique_map;
use crate::model::{Arch, Reachable, Reached, ScanLimits, SyscallNr};
use crate::syscalls::display_name;

/// The scan of one binary.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReachableFile {
    unresolved: u64,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    gaps: BTreeSet<String>,
    #[serde(deserialize_with = "unique_map")]
    syscalls: BTreeMap<String, ReachedFile>,
}

/// One call that it can make.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReachedFile {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    packages: BTreeSet<String>,
    /// Whether Go code makes it.
    go: bool,
    /// Whether only options of `os/exec` lead to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    optional: bool,
}

impl ReachableFile {
    pub(super) fn new(arch: Arch, reachable: &Reachable) -> Self {
        Self {
            unresolved: reachable.limits.unresolved,
            gaps: reachable.limits.gaps.clone(),
            syscalls: calls(arch, &reachable.syscalls),
        }
    }

    /// `number` says which call a name is.
    pub(super) fn into_model<E>(self, number: impl Fn(&str) -> Result<SyscallNr, E>) -> Result<Reachable, E> {
        let limits = ScanLimits { unresolved: self.unresolved, gaps: self.gaps };
        Ok(Reachable { syscalls: reached(self.syscalls, number)?, limits })
    }
}

impl From<&Reached> for ReachedFile {
    fn from(reached: &Reached) -> Self {
        Self {
            packages: reached.packages.iter().map(ToString::to_string).collect(),
            go: reached.is_go,
            optional: reached.is_optional,
        }
    }
}

impl From<ReachedFile> for Reached {
    fn from(file: ReachedFile) -> Self {
        Self {
            packages: file.packages.into_iter().map(Into::into).collect(),
            is_go: file.go,
            is_optional: file.optional,
        }
    }
}

/// Calls by name.
pub fn calls(arch: Arch, calls: &BTreeMap<SyscallNr, Reached>) -> BTreeMap<String, ReachedFile> {
    calls.iter().map(|(nr, reached)| (display_name(arch, *nr), reached.into())).collect()
}

/// Calls by number; `number` says which call a name is.
pub fn reached<E>(
    files: BTreeMap<String, ReachedFile>,
    number: impl Fn(&str) -> Result<SyscallNr, E>,
) -> Result<BTreeMap<SyscallNr, Reached>, E> {
    files.into_iter().map(|(name, file)| Ok((number(&name)?, file.into()))).collect()
}
