//! What all recordings together say of each call.

use std::collections::BTreeMap;

use crate::model::{ArgumentValues, Arguments, RoleObservations, SyscallNr};
use crate::policy::{Observed, Reason};

/// What all recordings together say of one call.
pub(super) struct Evidence {
    pub(super) first: Reason,
    pub(super) more: Vec<Reason>,
    pub(super) arguments: Gathered,
}

/// The arguments over all recordings: as narrow as the least known of them.
pub(super) enum Gathered {
    Unwatched,
    Any,
    Values(ArgumentValues),
}

pub(super) fn gather(roles: &[&RoleObservations]) -> BTreeMap<SyscallNr, Evidence> {
    let mut evidence = BTreeMap::<SyscallNr, Evidence>::new();
    for role in roles {
        for (nr, seen) in &role.syscalls {
            let reason = Reason::Observed(Observed::new(role, *nr, seen));
            match evidence.remove(nr) {
                None => {
                    let arguments = Gathered::from(&seen.arguments);
                    evidence.insert(*nr, Evidence { first: reason, more: Vec::new(), arguments });
                }
                Some(mut present) => {
                    present.more.push(reason);
                    present.arguments = present.arguments.and(Gathered::from(&seen.arguments));
                    evidence.insert(*nr, present);
                }
            }
        }
    }
    evidence
}

impl From<&Arguments> for Gathered {
    fn from(arguments: &Arguments) -> Self {
        match arguments {
            Arguments::Unwatched => Self::Unwatched,
            Arguments::Any => Self::Any,
            Arguments::Values(values) => Self::Values(values.clone()),
        }
    }
}

impl Gathered {
    /// One unknown argument among many known ones leaves them all unknown.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Values(mut values), Self::Values(others)) => {
                values.extend(others);
                Self::Values(values)
            }
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            _ => Self::Unwatched,
        }
    }
}
