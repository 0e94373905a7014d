//! What becomes of a call under a profile.

use std::fmt;

use super::{Condition, Conjunction, DefaultAction, Errno, Profile, Verdict};
use crate::model::SyscallNr;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It is made, or logged and made.
    Made,
    /// It fails with this error.
    Errno(Errno),
    /// The process is killed.
    Killed,
}

impl Profile {
    /// What becomes of a native call with these arguments.
    pub fn outcome(&self, nr: SyscallNr, arguments: &[u64; 6]) -> Outcome {
        match self.rules().get(&nr).map(super::Rule::verdict) {
            Some(Verdict::Errno(errno)) => Outcome::Errno(*errno),
            Some(Verdict::Allow(Condition::Always)) => Outcome::Made,
            Some(Verdict::Allow(Condition::When(any))) if any.iter().any(|one| one.holds(arguments)) => {
                Outcome::Made
            }
            Some(Verdict::Allow(_)) => self.otherwise().map_or(self.default_action().into(), Outcome::Errno),
            _ => self.default_action().into(),
        }
    }
}

impl Conjunction {
    /// Whether these arguments meet all of it.
    fn holds(&self, arguments: &[u64; 6]) -> bool {
        self.iter()
            .all(|(index, masked)| arguments[usize::from(index.get())] & masked.mask() == masked.value())
    }
}

impl From<DefaultAction> for Outcome {
    fn from(default: DefaultAction) -> Self {
        match default {
            DefaultAction::Errno(errno) => Self::Errno(errno),
            DefaultAction::KillProcess => Self::Killed,
            DefaultAction::Log => Self::Made,
        }
    }
}

impl Outcome {
    /// What becomes of a call that has this outcome under one filter, and another under an older one: the strictest
    /// counts, and of two errors the newer filter's (seccomp(2)).
    #[must_use]
    pub const fn under(self, older: Self) -> Self {
        match (self, older) {
            (Self::Killed, _) | (_, Self::Killed) => Self::Killed,
            (Self::Errno(newer), _) => Self::Errno(newer),
            (Self::Made, older) => older,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made => f.write_str("made"),
            Self::Errno(errno) => errno.fmt(f),
            Self::Killed => f.write_str("killed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::{nr, sample};
    use crate::policy::{ENOSYS, EPERM};

    /// Check that rules, conditions and the default are followed, and that masked bits decide nothing.
    #[test]
    fn outcomes_follow_the_rules() {
        let outcome = |name, first| sample().outcome(nr(name), &[first, 0, 0, 0, 0, 0]);
        assert_eq!(outcome("read", 0), Outcome::Made);
        assert_eq!(outcome("socket", 2), Outcome::Made);
        assert_eq!(outcome("socket", (1 << 32) + 10), Outcome::Made);
        assert_eq!(outcome("socket", 16), Outcome::Errno(EPERM));
        assert_eq!(outcome("clone3", 0), Outcome::Errno(ENOSYS));
        assert_eq!(outcome("keyctl", 0), Outcome::Errno(EPERM));
    }

    /// Check that the strictest filter counts, and the newer of two errors.
    #[test]
    fn the_strictest_filter_counts() {
        let (made, eperm, enosys) = (Outcome::Made, Outcome::Errno(EPERM), Outcome::Errno(ENOSYS));
        assert_eq!(made.under(eperm), eperm);
        assert_eq!(eperm.under(enosys), eperm);
        assert_eq!(eperm.under(made), eperm);
        assert_eq!(eperm.under(Outcome::Killed), Outcome::Killed);
    }
}
