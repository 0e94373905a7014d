//! `seccinch profile diff`: what changes from one profile to another.

use std::collections::BTreeMap;

use serde::Serialize;

use super::report::wrap;
use super::{ProfileCommandError, Report, load};
use crate::files::{Input, WriteError, to_json};
use crate::model::{Arch, Reached, SyscallNr};
use crate::policy::{self, Change, Difference, Errno, Reason, Side, way};
use crate::syscalls::display_name;

/// What changes from one profile to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffReport {
    arch: Arch,
    difference: Difference,
}

#[derive(Serialize)]
struct Document {
    format: &'static str,
    version: u32,
    arch: &'static str,
    /// The default actions, if they differ.
    default: Option<Pair>,
    /// What other arguments of allowed calls get, if that differs.
    otherwise: Option<Pair>,
    changes: Vec<ChangeDocument>,
    /// Calls that only the programs of the new profile can make.
    newly_reachable: Vec<ReachedDocument>,
    /// Calls that only those of the old profile can.
    no_longer_reachable: Vec<ReachedDocument>,
}

#[derive(Serialize)]
struct ReachedDocument {
    syscall: String,
    packages: Vec<String>,
    optional: bool,
}

#[derive(Serialize)]
struct Pair {
    old: String,
    new: String,
}

#[derive(Serialize)]
struct ChangeDocument {
    syscall: String,
    /// `added`, `removed` or `changed`.
    change: &'static str,
    old: Option<SideDocument>,
    new: Option<SideDocument>,
}

#[derive(Serialize)]
struct SideDocument {
    verdict: String,
    reasons: Vec<String>,
}

/// Compares two profiles of any kind.
pub fn diff(old: &Input, new: &Input) -> Result<DiffReport, ProfileCommandError> {
    let (old, new) = (load(old)?.profile, load(new)?.profile);
    if old.arch() != new.arch() {
        return Err(ProfileCommandError::Architectures(old.arch(), new.arch()));
    }
    Ok(DiffReport { arch: old.arch(), difference: policy::diff(&old, &new) })
}

impl DiffReport {
    /// The changes by name, as people look for them.
    fn by_name(&self) -> Vec<(String, &Change)> {
        let changes = self.difference.changes.iter();
        let mut changes: Vec<_> =
            changes.map(|(nr, change)| (display_name(self.arch, *nr), change)).collect();
        changes.sort_by(|left, right| left.0.cmp(&right.0));
        changes
    }
}

impl Report for DiffReport {
    fn text(&self) -> String {
        let mut text = String::new();
        if let Some((old, new)) = self.difference.default {
            text.push_str(&wrap("~ ", &format!("default action: {old}, now {new}")));
        }
        if let Some((old, new)) = self.difference.otherwise {
            text.push_str(&wrap("~ ", &format!("other arguments: {}, now {}", other(old), other(new))));
        }
        for (name, change) in self.by_name() {
            let (lead, line, side) = match change {
                Change::Added(side) => ("+ ", format!("{name}: {}", side.verdict), side),
                Change::Removed(side) => ("- ", format!("{name}: was {}", side.verdict), side),
                Change::Changed(old, new) => {
                    ("~ ", format!("{name}: was {}, now {}", old.verdict, new.verdict), new)
                }
            };
            text.push_str(&wrap(lead, &line));
            for reason in &side.reasons {
                text.push_str(&wrap("    ", &reason.to_string()));
            }
        }
        if text.is_empty() {
            text.push_str("no difference\n");
        }
        let reach = &self.difference.reach;
        for (lead, calls) in [("newly reachable: ", &reach.more), ("no longer reachable: ", &reach.less)] {
            for (nr, reached) in calls {
                text.push_str(&wrap(lead, &format!("{}, {}", display_name(self.arch, *nr), way(reached))));
            }
        }
        text
    }

    fn json(&self) -> Result<Vec<u8>, WriteError> {
        let default = self.difference.default;
        to_json(&Document {
            format: "seccinch.diff",
            version: 1,
            arch: self.arch.name(),
            default: default.map(|(old, new)| Pair { old: old.to_string(), new: new.to_string() }),
            otherwise: self.difference.otherwise.map(|(old, new)| Pair { old: other(old), new: other(new) }),
            newly_reachable: reached(self.arch, &self.difference.reach.more),
            no_longer_reachable: reached(self.arch, &self.difference.reach.less),
            changes: self.by_name().into_iter().map(|(name, change)| document(name, change)).collect(),
        })
    }

    fn is_clean(&self) -> bool {
        self.difference.is_empty()
    }
}

/// What other arguments of an allowed call get.
fn other(errno: Option<Errno>) -> String {
    errno.map_or_else(|| "the default action".to_owned(), |errno| format!("refused with {errno}"))
}

fn reached(arch: Arch, calls: &BTreeMap<SyscallNr, Reached>) -> Vec<ReachedDocument> {
    let document = |(nr, reached): (&SyscallNr, &Reached)| ReachedDocument {
        syscall: display_name(arch, *nr),
        packages: reached.packages.iter().map(ToString::to_string).collect(),
        optional: reached.is_optional,
    };
    calls.iter().map(document).collect()
}

fn document(syscall: String, change: &Change) -> ChangeDocument {
    let (change, old, new) = match change {
        Change::Added(new) => ("added", None, Some(new)),
        Change::Removed(old) => ("removed", Some(old), None),
        Change::Changed(old, new) => ("changed", Some(old), Some(new)),
    };
    ChangeDocument { syscall, change, old: old.map(side), new: new.map(side) }
}

fn side(side: &Side) -> SideDocument {
    SideDocument {
        verdict: side.verdict.to_string(),
        reasons: side.reasons.iter().map(Reason::to_string).collect(),
    }
}
