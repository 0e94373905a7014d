//! What is wrong with a profile, as far as it can be told without running under it.

mod unreachable;

use std::collections::BTreeMap;

pub use unreachable::unreachable;

use super::floor::FloorEntry;
use super::{Condition, Conjunction, DefaultAction, ENOSYS, Profile, Reason, Verdict};
use crate::model::{Arch, Arguments, Observations, RoleObservations, Seen, SyscallNr};
use crate::syscalls::{display_name, number, watched_by_name};

/// Something that is wrong with a profile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A call that every such program may make is refused.
    Floor {
        /// The call.
        syscall: String,
        /// The floor that holds it.
        floor: String,
        /// What needs it.
        reason: String,
    },
    /// A process could not end: it would be stuck or killed (kubernetes/kubernetes#85191).
    NoExit,
    /// A runtime loads the filter before it executes the program, so nothing could start.
    NoExecve,
    /// `clone3` fails with another error than `ENOSYS`, on which no libc falls back to `clone`. It does not
    /// where no higher number is named: runc then answers `ENOSYS` by itself.
    Clone3 {
        /// The highest call that is named.
        top: String,
    },
    /// A recorded call would be refused.
    Denied {
        /// The call.
        syscall: String,
        /// Who made it.
        program: String,
        /// Its arguments, if it is they that are refused.
        arguments: Option<String>,
        /// The rules that took it out or limited it on purpose, as `rule:NAME, …`; nothing if none did.
        rules: Option<String>,
    },
    /// A call was made that the scan of who made it does not find.
    Unreachable {
        /// The call.
        syscall: String,
        /// Who made it.
        program: String,
        /// The function that made it, as far as a stack was taken.
        caller: Option<String>,
        /// Places at which the scan could not find out the number.
        unresolved: u64,
        /// What the scan did not look at.
        gaps: Vec<String>,
    },
}

/// What is wrong with a profile by itself. `floors` are those of the programs that it is for.
pub fn lint(profile: &Profile, floors: &[FloorEntry]) -> Vec<Finding> {
    // Without these two nothing works at all, which is told in words of their own.
    let others = floors.iter().filter(|entry| !["exit_group", "execve"].contains(&entry.name));
    let mut findings: Vec<Finding> = others.filter_map(|entry| missing(profile, entry)).collect();
    if refuses(profile, "exit_group") {
        findings.push(Finding::NoExit);
    }
    if refuses(profile, "execve") && refuses(profile, "execveat") {
        findings.push(Finding::NoExecve);
    }
    findings.extend(clone3(profile));
    findings.sort_unstable();
    findings.dedup();
    findings
}

/// The recorded calls that would be refused under a profile.
pub fn denied(profile: &Profile, observations: &Observations) -> Vec<Finding> {
    let roles = super::build::included(observations, super::Entered::Excluded);
    roles
        .flat_map(|role| role.syscalls.iter().filter_map(|(nr, seen)| denial(profile, role, *nr, seen)))
        .collect()
}

fn verdict<'a>(profile: &'a Profile, name: &str) -> Option<&'a Verdict> {
    Some(profile.rules().get(&number(profile.arch(), name)?)?.verdict())
}

fn refuses(profile: &Profile, name: &str) -> bool {
    profile.default_action() != DefaultAction::Log
        && !matches!(verdict(profile, name), Some(Verdict::Allow(_)))
}

fn missing(profile: &Profile, entry: &FloorEntry) -> Option<Finding> {
    refuses(profile, entry.name).then(|| Finding::Floor {
        syscall: entry.name.to_owned(),
        floor: entry.floor.to_string(),
        reason: entry.reason.clone(),
    })
}

fn clone3(profile: &Profile) -> Option<Finding> {
    let clone3 = number(profile.arch(), "clone3")?;
    let default_is_well =
        matches!(profile.default_action(), DefaultAction::Log | DefaultAction::Errno(ENOSYS));
    let (top, _) = profile.rules().last_key_value()?;
    match profile.rules().get(&clone3).map(super::Rule::verdict) {
        Some(Verdict::Allow(_) | Verdict::Errno(ENOSYS)) => None,
        None if default_is_well || *top < clone3 => None,
        _ => Some(Finding::Clone3 { top: display_name(profile.arch(), *top) }),
    }
}

fn denial(profile: &Profile, role: &RoleObservations, nr: SyscallNr, seen: &Seen) -> Option<Finding> {
    if profile.default_action() == DefaultAction::Log && !profile.rules().contains_key(&nr) {
        return None;
    }
    let arguments = match profile.rules().get(&nr).map(super::Rule::verdict) {
        Some(Verdict::Allow(condition)) => {
            Some(refused_values(profile.arch(), nr, condition, &seen.arguments)?)
        }
        _ => None,
    };
    Some(Finding::Denied {
        syscall: display_name(profile.arch(), nr),
        program: role.build.path.clone(),
        arguments,
        rules: rules_of(profile, nr),
    })
}

/// The rules that decided about a call.
fn rules_of(profile: &Profile, nr: SyscallNr) -> Option<String> {
    let reasons =
        profile.rules().get(&nr).map(super::Rule::reasons).or_else(|| profile.refused().get(&nr))?;
    let names: Vec<String> = reasons
        .iter()
        .filter_map(|reason| match reason {
            Reason::Rule { name, .. } => Some(format!("rule:{name}")),
            _ => None,
        })
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The first recorded values that a condition refuses. Nothing if it refuses none, or if they are not known.
fn refused_values(arch: Arch, nr: SyscallNr, condition: &Condition, arguments: &Arguments) -> Option<String> {
    let (Condition::When(any), Arguments::Values(values)) = (condition, arguments) else {
        return None;
    };
    let watched = watched_by_name(&display_name(arch, nr))?;
    let registers = |values: &[u64]| -> BTreeMap<u8, u64> {
        watched.arguments.iter().copied().zip(values.iter().copied()).collect()
    };
    let refused = values.keys().find(|values| !any.iter().any(|one| holds(one, &registers(values))))?;
    let labelled = watched.labels.iter().zip(refused).map(|(label, value)| format!("{label} {value}"));
    Some(labelled.collect::<Vec<_>>().join(", "))
}

/// Whether a conjunction may hold: an argument that was not recorded can't refute it.
fn holds(conjunction: &Conjunction, registers: &BTreeMap<u8, u64>) -> bool {
    conjunction.iter().all(|(index, masked)| {
        registers.get(&index.get()).is_none_or(|value| value & masked.mask() == masked.value())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::EPERM;
    use crate::policy::floor::Floor;
    use crate::policy::testing::{ALWAYS, equals, profile, sample, when};

    fn findings(default: DefaultAction, rules: &[(&str, Verdict)]) -> Vec<Finding> {
        lint(&profile(default, rules), &[])
    }

    /// Check that a sound profile has no findings.
    #[test]
    fn a_sound_profile_is_clean() {
        assert_eq!(lint(&sample(), &[]), []);
    }

    /// Check each finding on the smallest profile that has it.
    #[test]
    fn each_finding_is_found() {
        let errno = DefaultAction::Errno(EPERM);
        let start: &[(&'static str, Verdict)] = &[("execve", ALWAYS), ("exit_group", ALWAYS)];
        let with = |more: &[(&'static str, Verdict)]| [start, more].concat();
        assert_eq!(findings(errno, &start[..1]), [Finding::NoExit]);
        assert_eq!(findings(errno, &start[1..]), [Finding::NoExecve]);
        let clone3 = |top: &str| vec![Finding::Clone3 { top: top.into() }];
        assert_eq!(findings(errno, &with(&[("faccessat2", ALWAYS)])), clone3("faccessat2"));
        assert_eq!(findings(errno, &with(&[("clone3", Verdict::Errno(EPERM))])), clone3("clone3"));
        assert_eq!(findings(DefaultAction::Errno(ENOSYS), &with(&[("faccessat2", ALWAYS)])), []);
        assert_eq!(findings(errno, start), [], "runc answers ENOSYS above the top by itself");
        assert_eq!(findings(DefaultAction::Log, &[("read", ALWAYS)]), [], "everything is let through");
    }

    /// Check that a floor's name that is refused is told with its reason.
    #[test]
    fn missing_floor_names_are_told() {
        let entry = FloorEntry { name: "sched_yield", floor: Floor::Go, reason: "the scheduler".into() };
        let expected = Finding::Floor {
            syscall: "sched_yield".into(),
            floor: "go".into(),
            reason: "the scheduler".into(),
        };
        assert_eq!(lint(&sample(), &[entry]), [expected]);
    }

    /// Check that arguments are compared as the filter would.
    #[test]
    fn refused_arguments_are_told() {
        let number = number(Arch::X86_64, "socket").unwrap();
        let Verdict::Allow(condition) = when(&[&[equals(0, 2)], &[equals(0, 10)]]) else {
            unreachable!("a condition")
        };
        let refused = |values: &[u64]| {
            let values = Arguments::Values([(values.to_vec(), 1)].into());
            refused_values(Arch::X86_64, number, &condition, &values)
        };
        assert_eq!(refused(&[10, 1, 0]), None);
        assert_eq!(refused(&[0xffff_ffff_0000_0002, 1, 0]), None, "the kernel takes an int");
        assert_eq!(refused(&[16, 3, 0]).as_deref(), Some("domain 16, type 3, protocol 0"));
    }
}
