//! Each problem in words: what it is, and what to do.

use super::Problem;
use crate::emit::oci::Remark;
use crate::model::ScanLimits;
use crate::policy::check::Finding;
use crate::policy::in_words;

impl Problem {
    /// A stable word for programs.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::AllowsNothing => "allows-nothing",
            Self::Rules(Finding::Floor { .. }) => "missing-floor",
            Self::Rules(Finding::NoExit) => "no-exit",
            Self::Rules(Finding::NoExecve) => "no-execve",
            Self::Rules(Finding::Clone3 { .. }) => "clone3-not-enosys",
            Self::Rules(Finding::Denied { .. }) => "denies-recorded",
            Self::Rules(Finding::Unreachable { .. }) => "unreachable",
            Self::Reading(Remark::UnknownName { .. }) => "unknown-name",
            Self::Reading(Remark::SubArchitectures(_)) => "sub-architectures",
            Self::Reading(Remark::ConditionalAndUnconditional(_)) => "condition-without-effect",
            Self::UnknownToLibseccomp(_) => "unknown-to-libseccomp",
            Self::Host(_) => "other-host",
            Self::Floor { .. } => "other-floor",
        }
    }

    /// The call that it is about, if it is about one.
    pub(super) fn syscall(&self) -> Option<&str> {
        match self {
            Self::Rules(
                Finding::Floor { syscall, .. }
                | Finding::Denied { syscall, .. }
                | Finding::Unreachable { syscall, .. },
            )
            | Self::UnknownToLibseccomp(syscall) => Some(syscall),
            Self::Rules(Finding::NoExit) => Some("exit_group"),
            Self::Rules(Finding::NoExecve) => Some("execve"),
            Self::Rules(Finding::Clone3 { .. }) => Some("clone3"),
            Self::Reading(Remark::UnknownName { name, .. } | Remark::ConditionalAndUnconditional(name)) => {
                Some(name)
            }
            Self::AllowsNothing
            | Self::Reading(Remark::SubArchitectures(_))
            | Self::Host(_)
            | Self::Floor { .. } => None,
        }
    }

    /// What it is and what to do.
    pub(super) fn message(&self) -> String {
        match self {
            Self::AllowsNothing => {
                "it allows no system call at all, so nothing could run under it".to_owned()
            }
            Self::Rules(finding) => rules(finding),
            Self::Reading(remark) => reading(remark),
            Self::UnknownToLibseccomp(name) => format!(
                "{name} is newer than the libseccomp of this machine: runtimes that use it ignore the name in \
                 silence, and the call is refused"
            ),
            Self::Host(difference) => format!(
                "recorded with another {}: {}, here it is {}; {}",
                difference.field, difference.recorded, difference.here, difference.why
            ),
            Self::Floor { floor, profile, here } => format!(
                "built with version {profile} of the floor {floor}, this seccinch has {here}: build it again"
            ),
        }
    }
}

fn rules(finding: &Finding) -> String {
    match finding {
        Finding::Floor { syscall, floor, reason } => {
            format!(
                "{syscall} is refused, but floor {floor} needs it: {reason}; build the profile again, or allow it"
            )
        }
        Finding::NoExit => {
            "exit_group is refused: the program could not end and would spin or be killed; allow it"
                .to_owned()
        }
        Finding::NoExecve => {
            "execve is refused: runtimes load the filter before they execute the program, so it \
                              could not start; allow it"
                .to_owned()
        }
        Finding::Clone3 { top } => format!(
            "clone3 is not refused with ENOSYS although {top} is named: glibc and Go fall back to clone on ENOSYS \
             only; add a rule with SCMP_ACT_ERRNO and errnoRet 38"
        ),
        Finding::Denied { syscall, program, arguments, rules } => {
            let with = arguments.as_ref().map(|arguments| format!(" with {arguments}")).unwrap_or_default();
            let by = rules.as_ref().map(|rules| format!(" by {rules}")).unwrap_or_default();
            format!("{syscall} is refused{with}{by}, but {program} was recorded making it")
        }
        Finding::Unreachable { syscall, program, caller, unresolved, gaps } => {
            let by = caller.as_ref().map(|caller| format!(" by {caller}")).unwrap_or_default();
            let limits = ScanLimits { unresolved: *unresolved, gaps: gaps.iter().cloned().collect() };
            format!(
                "{program} was seen making {syscall}{by}, but the scan of its code does not find it: injected code, \
                 a plugin, a preloaded library, or a fault of the scan, which has {}; find out which before it is \
                 allowed",
                in_words(&limits)
            )
        }
    }
}

/// What is odd about a profile of others, and what to do.
pub(in crate::app::profile) fn reading(remark: &Remark) -> String {
    match remark {
        Remark::UnknownName { name, nearest } => {
            let near = nearest.map(|nearest| format!("; the nearest name is {nearest}")).unwrap_or_default();
            format!("no architecture has a system call {name}, and runtimes ignore it in silence{near}")
        }
        Remark::SubArchitectures(names) => format!(
            "it opens other system call tables ({}) with names that were meant for the native one: leave them \
             out unless 32-bit programs run there",
            names.join(", ")
        ),
        Remark::ConditionalAndUnconditional(name) => format!(
            "{name} is allowed with a condition and without one: the one without wins; remove one of them"
        ),
    }
}
