//! The files of a generation that say where it comes from and what it changed, as they are written: version 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::files::Document;
use crate::model::Arch;
use crate::policy::file::ProvenanceFile;
use crate::policy::{self, Change, Profile, Reason, Side};
use crate::syscalls::display_name;

pub(super) const CHANGES: Document = Document { format: "seccinch.changes", version: 1 };
pub(super) const PROVENANCE: Document = Document { format: "seccinch.provenance", version: 1 };

/// What changed from the generation before.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangesFile {
    format: String,
    version: u32,
    generation: u64,
    /// Nothing for the first one, and where the one before could not be read.
    previous: Option<u64>,
    arch: String,
    pub(super) added: Vec<ChangeFile>,
    pub(super) removed: Vec<ChangeFile>,
    changed: Vec<ChangeFile>,
    /// What rules keep out although it was observed.
    refused: Vec<RefusedFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeFile {
    pub(super) syscall: String,
    was: Option<String>,
    now: Option<String>,
    /// Why it is so now; of a removed one why it had been there, and which rule took it out, if one did.
    reasons: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefusedFile {
    syscall: String,
    reasons: Vec<String>,
}

/// Where a generation comes from.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GenerationFile {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) generation: u64,
    pub(super) time: String,
    /// Of `seccomp.json`.
    pub(super) sha256: String,
    pub(super) notes: Vec<String>,
    /// Files that the profile has no form for, with the reason.
    pub(super) left_out: BTreeMap<String, String>,
    pub(super) provenance: ProvenanceFile,
}

impl ChangesFile {
    /// What `profile` changes. Against nothing, everything is new.
    pub(super) fn new(generation: u64, previous: Option<&(u64, Profile)>, profile: &Profile) -> Self {
        let arch = profile.arch();
        let mut file = Self {
            format: CHANGES.format.to_owned(),
            version: CHANGES.version,
            generation,
            previous: previous.map(|(number, _)| *number),
            arch: arch.name().to_owned(),
            added: Vec::new(),
            removed: Vec::new(),
            changed: Vec::new(),
            refused: refused(arch, profile),
        };
        match previous {
            Some((_, old)) => {
                for (nr, change) in policy::diff(old, profile).changes {
                    file.add(display_name(arch, nr), &change);
                }
            }
            None => {
                for (nr, rule) in profile.rules() {
                    file.add(display_name(arch, *nr), &Change::Added(rule.into()));
                }
            }
        }
        file
    }

    fn add(&mut self, syscall: String, change: &Change) {
        let verdict = |side: &Side| Some(side.verdict.to_string());
        let one = |was, now, side: &Side| ChangeFile { syscall, was, now, reasons: words(&side.reasons) };
        match change {
            Change::Added(new) => self.added.push(one(None, verdict(new), new)),
            Change::Removed(old) => self.removed.push(one(verdict(old), None, old)),
            Change::Changed(old, new) => self.changed.push(one(verdict(old), verdict(new), new)),
        }
    }
}

fn refused(arch: Arch, profile: &Profile) -> Vec<RefusedFile> {
    let refused = profile.refused().iter();
    refused
        .map(|(nr, reasons)| RefusedFile { syscall: display_name(arch, *nr), reasons: words(reasons) })
        .collect()
}

fn words<'a>(reasons: impl IntoIterator<Item = &'a Reason>) -> Vec<String> {
    reasons.into_iter().map(Reason::to_string).collect()
}
