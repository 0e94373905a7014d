//! The profile: what every emitter takes and every other command compares.

use std::collections::{BTreeMap, BTreeSet};

use super::{Condition, DefaultAction, Provenance, Reason, Rule, Verdict};
use crate::model::{Arch, SyscallNr};

/// A seccomp policy for one architecture. It has a default that is not "allow", and allows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    arch: Arch,
    default: DefaultAction,
    rules: BTreeMap<SyscallNr, Rule>,
    refused: BTreeMap<SyscallNr, BTreeSet<Reason>>,
    notes: BTreeSet<Note>,
    provenance: Provenance,
}

/// Something that whoever uses the profile has to know: losses, other ABIs, what could not be narrowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note(pub String);

/// Why rules are no profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Nothing could run under it.
    #[error("it allows no system call at all, so nothing could run under it")]
    AllowsNothing,
}

impl Profile {
    /// A profile of these rules.
    pub fn new(
        arch: Arch,
        default: DefaultAction,
        rules: BTreeMap<SyscallNr, Rule>,
    ) -> Result<Self, ProfileError> {
        if !rules.values().any(|rule| matches!(rule.verdict(), Verdict::Allow(_))) {
            return Err(ProfileError::AllowsNothing);
        }
        let (refused, notes) = (BTreeMap::new(), BTreeSet::new());
        Ok(Self { arch, default, rules, refused, notes, provenance: Provenance::default() })
    }

    /// With calls that were taken out, and why. One that a rule names is not among them.
    #[must_use]
    pub fn with_refused(mut self, refused: impl IntoIterator<Item = (SyscallNr, BTreeSet<Reason>)>) -> Self {
        let others = refused.into_iter().filter(|(nr, _)| !self.rules.contains_key(nr));
        self.refused.extend(others);
        self
    }

    /// With notes for whoever uses it.
    #[must_use]
    pub fn with_notes(mut self, notes: impl IntoIterator<Item = Note>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// With where it comes from.
    #[must_use]
    pub fn with_provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = provenance;
        self
    }

    /// The architecture whose native table the numbers belong to.
    pub const fn arch(&self) -> Arch {
        self.arch
    }

    /// What happens to a call that no rule names.
    pub const fn default_action(&self) -> DefaultAction {
        self.default
    }

    /// The rules, by number.
    pub const fn rules(&self) -> &BTreeMap<SyscallNr, Rule> {
        &self.rules
    }

    /// The calls that no rule names although they were observed, with the reasons. The default action is taken.
    pub const fn refused(&self) -> &BTreeMap<SyscallNr, BTreeSet<Reason>> {
        &self.refused
    }

    /// What whoever uses it has to know.
    pub const fn notes(&self) -> &BTreeSet<Note> {
        &self.notes
    }

    /// Where it comes from.
    pub const fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The calls that may run, with the condition.
    pub fn allowed(&self) -> impl Iterator<Item = (SyscallNr, &Condition)> + '_ {
        self.rules.iter().filter_map(|(nr, rule)| match rule.verdict() {
            Verdict::Allow(condition) => Some((*nr, condition)),
            Verdict::Errno(_) => None,
        })
    }
}
