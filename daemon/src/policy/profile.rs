//! The profile: what every emitter takes and every other command compares.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Alternatives, Condition, Conjunction, DefaultAction, Errno, Provenance, Reach, Reason, Rule, Verdict,
};
use crate::model::{Arch, SyscallNr};
use crate::syscalls::display_name;

/// A seccomp policy for one architecture. It has a default that is not "allow", and allows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    arch: Arch,
    default: DefaultAction,
    otherwise: Option<Errno>,
    rules: BTreeMap<SyscallNr, Rule>,
    refused: BTreeMap<SyscallNr, BTreeSet<Reason>>,
    notes: BTreeSet<Note>,
    reach: Reach,
    provenance: Provenance,
}

/// Something that whoever uses the profile has to know: losses, other ABIs, what could not be narrowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note(pub String);

/// Why rules are no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Nothing could run under it.
    #[error("it allows no system call at all, so nothing could run under it")]
    AllowsNothing,
    /// No filter has room for what the conditions of a call leave over.
    #[error(
        "what the arguments allowed for `{0}` leave over takes more rules than a filter has room for: build it with \
         --no-arguments, or leave {0} out of --narrow"
    )]
    TooFine(String),
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
        let (reach, provenance) = (Reach::default(), Provenance::default());
        Ok(Self { arch, default, otherwise: None, rules, refused, notes, reach, provenance })
    }

    /// With calls that were taken out, and why. One that a rule names is not among them.
    #[must_use]
    pub fn with_refused(mut self, refused: impl IntoIterator<Item = (SyscallNr, BTreeSet<Reason>)>) -> Self {
        let others = refused.into_iter().filter(|(nr, _)| !self.rules.contains_key(nr));
        self.refused.extend(others);
        self
    }

    /// With an error for calls that are allowed with other arguments, where the default action is too hard for them.
    ///
    /// # Errors
    /// A call is allowed with so many values that a filter has no room for what they leave over.
    pub fn with_otherwise(mut self, otherwise: Option<Errno>) -> Result<Self, ProfileError> {
        self.otherwise = otherwise.filter(|errno| self.default != DefaultAction::Errno(*errno));
        let arch = self.arch;
        let is_too_fine = |condition: &Condition| match condition {
            Condition::When(any) => any.complement().is_none(),
            Condition::Always => false,
        };
        let mut allowed = self.allowed().filter(|_| self.otherwise.is_some());
        let too_fine = allowed.find(|(_, condition)| is_too_fine(condition)).map(|(nr, _)| nr);
        drop(allowed);
        too_fine.map_or(Ok(self), |nr| Err(ProfileError::TooFine(display_name(arch, nr))))
    }

    /// With notes for whoever uses it.
    #[must_use]
    pub fn with_notes(mut self, notes: impl IntoIterator<Item = Note>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// With what scans say of its binaries.
    #[must_use]
    pub fn with_reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
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

    /// What an allowed call fails with if its condition does not hold; nothing if the default action is taken.
    pub const fn otherwise(&self) -> Option<Errno> {
        self.otherwise
    }

    /// The arguments with which a call that is allowed with these fails, and the error; nothing where the default action
    /// is taken.
    pub fn others(&self, allowed: &Alternatives) -> Option<(Errno, Vec<Conjunction>)> {
        Some((self.otherwise?, allowed.complement()?))
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

    /// What its binaries could ever call, as far as they were scanned.
    pub const fn reach(&self) -> &Reach {
        &self.reach
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
