//! One rule of a profile.

use std::collections::BTreeSet;
use std::fmt;

use super::{Condition, Errno, Reason};

/// What a profile says of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    verdict: Verdict,
    reasons: BTreeSet<Reason>,
}

/// What happens to the call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It runs if the condition holds; otherwise [`super::Profile::otherwise`] or the default action is taken.
    Allow(Condition),
    /// It fails with this error, whatever the default action is.
    Errno(Errno),
}

impl Rule {
    /// A rule and why it is there. There is no rule without a reason.
    pub fn new(verdict: Verdict, reason: Reason) -> Self {
        Self { verdict, reasons: BTreeSet::from([reason]) }
    }

    /// Adds reasons.
    #[must_use]
    pub fn because(mut self, reasons: impl IntoIterator<Item = Reason>) -> Self {
        self.reasons.extend(reasons);
        self
    }

    /// The same reasons for another verdict.
    #[must_use]
    pub fn with(mut self, verdict: Verdict) -> Self {
        self.verdict = verdict;
        self
    }

    /// Without the reasons for its arguments, as long as others remain.
    #[must_use]
    pub fn without_argument_reasons(mut self) -> Self {
        if self.reasons.iter().any(|reason| !matches!(reason, Reason::Arguments(_))) {
            self.reasons.retain(|reason| !matches!(reason, Reason::Arguments(_)));
        }
        self
    }

    /// What happens to the call.
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Why, in a fixed order; never empty.
    pub const fn reasons(&self) -> &BTreeSet<Reason> {
        &self.reasons
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow(Condition::Always) => f.write_str("allowed"),
            Self::Allow(condition) => write!(f, "allowed {condition}"),
            Self::Errno(errno) => write!(f, "refused with {errno}"),
        }
    }
}
