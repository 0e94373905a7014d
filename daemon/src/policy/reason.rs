//! Why a rule is in a profile.

use std::fmt;

use super::way;
use crate::golang;
use crate::model::{Caller, Phase, PhaseCounts, Reached, Role, RoleObservations, Seen, SyscallNr, Timestamp};

/// Why a rule is in a profile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A program was seen to make the call.
    Observed(Observed),
    /// Every such program may make it, seen or not.
    Floor {
        /// The floor: `go`, `vdso`, `runc`.
        floor: String,
        /// What needs it.
        text: String,
    },
    /// How its arguments were decided.
    Arguments(String),
    /// It keeps something else sound.
    Guard(String),
    /// It came with a profile that has no reasons.
    Imported(String),
    /// A threshold rule that the workload broke decided it.
    Rule {
        /// The rule's name.
        name: String,
        /// What it did, and why it is there.
        text: String,
    },
    /// A program could make the call, says its scan, and was never seen to.
    Reachable(Reached),
}

/// One binary's use of a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observed {
    /// The binary's role.
    pub role: Role,
    /// Its path.
    pub program: String,
    /// Its build id, if it has one.
    pub build: Option<String>,
    /// How often, by phase.
    pub counts: PhaseCounts,
    /// When first.
    pub first: Timestamp,
    /// It was under way when counting began.
    pub in_flight: bool,
    /// Who made it, as far as a stack was taken: of several, the first that is not the standard library on its own.
    pub caller: Option<Caller>,
    /// Whether the scan of the binary says that it can; nothing if it was not scanned.
    pub is_reachable: Option<bool>,
}

impl Observed {
    /// What one role's observations say of one call.
    pub fn new(role: &RoleObservations, nr: SyscallNr, seen: &Seen) -> Self {
        Self {
            role: role.role.clone(),
            program: role.build.path.clone(),
            build: role.build.id.clone(),
            counts: seen.counts,
            first: seen.first,
            in_flight: seen.in_flight,
            caller: golang::telling(&seen.callers).map(golang::essence),
            is_reachable: role.reachable.as_ref().map(|reachable| reachable.syscalls.contains_key(&nr)),
        }
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.role {
            Role::Main => f.write_str("main")?,
            Role::Child(name) => write!(f, "child {name}")?,
            Role::Entered(name) => write!(f, "entered {name}")?,
        }
        write!(f, " ({})", self.program)?;
        for phase in Phase::ALL {
            if self.counts.get(phase) > 0 {
                write!(f, ", {} {}", self.counts.get(phase), phase.name())?;
            }
        }
        if self.in_flight {
            f.write_str(", under way at the start")?;
        }
        write!(f, ", first {}", self.first)?;
        match self.caller.as_ref().and_then(|caller| golang::site(&caller.frames)) {
            Some(site) => write!(f, ", by {} ({}:{})", site.function, site.file, site.line),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Observed(observed) => write!(f, "observed: {observed}"),
            Self::Floor { floor, text } => write!(f, "floor {floor}: {text}"),
            Self::Arguments(text) => write!(f, "arguments: {text}"),
            Self::Guard(text) => write!(f, "guard: {text}"),
            Self::Imported(from) => write!(f, "imported: {from}"),
            Self::Rule { name, text } => write!(f, "rule:{name}: {text}"),
            Self::Reachable(reached) => write!(f, "reachable: {}; never seen", way(reached)),
        }
    }
}
