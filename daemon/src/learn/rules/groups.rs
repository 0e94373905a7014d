//! Groups of calls, by what makes them alike: `profiles/groups.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::RuleError;
use crate::model::{Arch, SyscallNr};
use crate::syscalls;

/// The groups that rules can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups(BTreeMap<String, Group>);

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What its calls have in common.
    pub why: String,
    /// Their names.
    pub syscalls: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupsFile {
    /// Raised with every change.
    #[serde(rename = "version")]
    _version: String,
    group: Vec<GroupFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupFile {
    name: String,
    why: String,
    syscalls: Vec<String>,
}

impl Groups {
    /// The groups of this program.
    pub fn builtin() -> Result<Self, RuleError> {
        let parsed: Result<GroupsFile, _> = toml::from_str(include_str!("../../../../profiles/groups.toml"));
        let file = parsed.map_err(|source| RuleError::Builtin { file: "groups.toml", source })?;
        let groups = file.group.into_iter();
        Ok(Self(groups.map(|one| (one.name, Group { why: one.why, syscalls: one.syscalls })).collect()))
    }

    /// Every group, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Group)> {
        self.0.iter().map(|(name, group)| (name.as_str(), group))
    }

    /// The calls that a rule's names stand for: `ptrace`, `@io-uring`. A name that another architecture has is
    /// left out.
    pub(super) fn resolve(
        &self,
        rule: &str,
        names: &[String],
        arch: Arch,
    ) -> Result<BTreeSet<SyscallNr>, RuleError> {
        if names.is_empty() {
            return Err(RuleError::NoSyscalls(rule.to_owned()));
        }
        let mut found = BTreeSet::new();
        for name in names {
            let Some(group) = name.strip_prefix('@') else {
                found.extend(number(rule, name, arch)?);
                continue;
            };
            let group = self.0.get(group).ok_or_else(|| self.unknown(rule, group))?;
            for name in &group.syscalls {
                found.extend(number(rule, name, arch)?);
            }
        }
        Ok(found)
    }

    fn unknown(&self, rule: &str, name: &str) -> RuleError {
        let known: Vec<String> = self.0.keys().map(|name| format!("@{name}")).collect();
        RuleError::UnknownGroup { rule: rule.to_owned(), name: name.to_owned(), known: known.join(", ") }
    }
}

fn number(rule: &str, name: &str, arch: Arch) -> Result<Option<SyscallNr>, RuleError> {
    if Arch::ALL.into_iter().any(|arch| syscalls::number(arch, name).is_some()) {
        return Ok(syscalls::number(arch, name));
    }
    let nearest = syscalls::nearest(arch, name);
    Err(RuleError::UnknownSyscall { rule: rule.to_owned(), name: name.to_owned(), nearest })
}
